// Ask as OpenAI's client for Node does; print what was heard as JSON. Arguments: base URL, key.
import { createRequire } from "node:module";

const [url, apiKey, home] = process.argv.slice(2);
const { OpenAI } = createRequire(`${home}/`)("openai");
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey });
const body = {
  model: "sandbox-chat",
  max_tokens: 40,
  messages: [{ role: "user", content: "Say something about ledgers." }],
};
const whole = await client.chat.completions.create(body);
let stream = "";
for await (const piece of await client.chat.completions.create({ ...body, stream: true })) {
  stream += piece.choices[0]?.delta?.content ?? "";
}
const response = await client.responses.create({
  model: "sandbox-chat",
  input: "Say something about ledgers.",
  max_output_tokens: 40,
});
const said = {
  whole: whole.choices[0].message.content,
  stream,
  tokens: whole.usage.total_tokens,
  other: response.output_text,
};
console.log(JSON.stringify(said));
