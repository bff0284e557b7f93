"""The fakes, judged by others: what the suite is tested against is not our idea of a vendor alone.

Each protocol with a file of its own, and who judges its fake:

- Ollama: `ollama`. Cohere: `cohere`. DeepL: `deepl`. Replicate: `replicate`. DashScope:
  `dashscope`. All are the vendors' own clients, talking to the fake.
- Amazon Bedrock: `boto3` (converse, invoke_model, both streams) and `anthropic`'s Bedrock client;
  the fake recomputes every signature by hand, the product signs by botocore.
- Vertex AI: `google-genai` (service account, express key) and `anthropic`'s Vertex client;
  `google-auth` signs in at the fake and checks the grant that the product signed.
- Tencent Hunyuan: Tencent's SDK; the fake recomputes every signature.
- Baidu Qianfan V1: `qianfan`, Spark: `spark-ai-python`, Coze: `cozepy`; each where somebody
  installed it, since they want versions of packages that other clients here do not. Spark has
  iFlytek's documented example of a signature besides, and `websockets` reads the fake's frames.
- Zhipu v4: `zai-sdk`.
- OpenAI, Anthropic and Gemini: their own clients, in tests/gateway/relay/dialects and matrix.
  Azure: `openai`'s Azure client, in tests/gateway/relay/test_azure.py.
- Dify: no client that reads streams is kept; the examples of its own pages.
- MiniMax, AIProxy Library, FastGPT: none exists; what their pages and One API say.
"""
