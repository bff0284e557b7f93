"""What is known of images and recordings before they are sent."""
