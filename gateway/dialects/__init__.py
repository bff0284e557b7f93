"""APIs other than OpenAI chat, as pure conversions to and from it; one package each."""
