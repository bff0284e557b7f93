"""OpenAI's Responses API as a dialect: pure conversion to and from the chat format."""
