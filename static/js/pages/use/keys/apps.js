// Apps that take their settings from an address. Each makes one of {key, address, chat}: `chat` is the operator's own chat page, if there is one.

const json = (value) => encodeURIComponent(JSON.stringify(value));
const base64 = (value) => encodeURIComponent(btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)))));
const site = (chat, otherwise) => (/^https?:\/\//.test(chat ?? "") ? chat.replace(/\/+$/, "") : otherwise);

export const APPS = [
  { name: "NextChat", open: ({ key, address, chat }) => `${site(chat, "https://app.nextchat.dev")}/#/?settings=${json({ key, url: address })}` },
  // Documented at lobehub.com/docs/self-hosting/advanced/settings-url-share.
  { name: "LobeChat", open: ({ key, address }) => `https://lobehub.com/?settings=${json({ keyVaults: { openai: { apiKey: key, baseURL: `${address}/v1` } } })}` },
  { name: "Cherry Studio", open: ({ key, address }) => `cherrystudio://providers/api-keys?v=1&data=${base64({ id: "tollgate", name: "Tollgate", type: "openai", baseUrl: address, apiKey: key })}` },
  { name: "OpenCat", open: ({ key, address }) => `opencat://team/join?domain=${encodeURIComponent(address)}&token=${encodeURIComponent(key)}` },
  { name: "AMA", open: ({ key, address }) => `ama://set-api-key?server=${encodeURIComponent(address)}&key=${encodeURIComponent(key)}` },
];
