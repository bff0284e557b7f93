"""The Gemini dialect: generateContent and its kin, to and from OpenAI's chat format."""
