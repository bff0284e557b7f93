"""Images and audio: what is asked, what is known of its price beforehand, what was made."""
