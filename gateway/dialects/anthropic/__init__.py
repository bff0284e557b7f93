"""Anthropic's Messages API (version 2023-06-01 and later), to and from OpenAI chat."""
