// Reads jobs from standard input, a JSON object on each line, makes each call with the
// official client, and writes what came of it, a line for each job:
//
//	{"id": 1, "client": "openai", "call": "chat", "stream": true, "base": "http://127.0.0.1:8080", "key": "gw-…", "model": "gpt-4o-mini"}
//	{"id": 1, "text": "…", "input": 11, "output": 7}            an answer
//	{"id": 1, "error": "RateLimitError", "status": 429, …}      an error in the client's own class
import { createInterface } from "node:readline";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";

const prompt = "Say hello.";

const openai = {
  client: (job) => new OpenAI({ baseURL: `${job.base}/v1`, apiKey: job.key, maxRetries: 0, timeout: 30_000 }),
  async chat(client, job) {
    const ask = { model: job.model, messages: [{ role: "user", content: prompt }] };
    if (!job.stream) {
      const answer = await client.chat.completions.create(ask);
      return { text: answer.choices[0].message.content, input: answer.usage.prompt_tokens, output: answer.usage.completion_tokens };
    }
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) text += chunk.choices[0]?.delta?.content ?? "";
    return { text };
  },
  async responses(client, job) {
    const ask = { model: job.model, input: prompt };
    if (!job.stream) {
      const answer = await client.responses.create(ask);
      return { text: answer.output_text, input: answer.usage.input_tokens, output: answer.usage.output_tokens };
    }
    let text = "";
    for await (const event of await client.responses.create({ ...ask, stream: true })) if (event.type === "response.output_text.delta") text += event.delta;
    return { text };
  },
  async embeddings(client, job) {
    const answer = await client.embeddings.create({ model: job.model, input: prompt });
    return { text: String(answer.data.length), input: answer.usage.prompt_tokens };
  },
  async models(client) {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { models: ids };
  },
};

const anthropic = {
  client: (job) => new Anthropic({ baseURL: job.base, apiKey: job.key, maxRetries: 0, timeout: 30_000 }),
  async messages(client, job) {
    const ask = { model: job.model, max_tokens: 64, messages: [{ role: "user", content: prompt }] };
    if (!job.stream) {
      const answer = await client.messages.create(ask);
      return { text: answer.content.map((part) => part.text ?? "").join(""), input: answer.usage.input_tokens, output: answer.usage.output_tokens };
    }
    const answer = await client.messages.stream(ask).finalMessage();
    return { text: answer.content.map((part) => part.text ?? "").join(""), output: answer.usage.output_tokens };
  },
  async count(client, job) {
    const answer = await client.messages.countTokens({ model: job.model, messages: [{ role: "user", content: prompt }] });
    return { text: "", input: answer.input_tokens };
  },
  async models(client) {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { models: ids };
  },
};

const gemini = {
  client: (job) => new GoogleGenAI({ apiKey: job.key, httpOptions: { baseUrl: job.base, timeout: 30_000 } }),
  async generate(client, job) {
    const ask = { model: job.model, contents: prompt };
    if (!job.stream) {
      const answer = await client.models.generateContent(ask);
      return { text: answer.text, input: answer.usageMetadata.promptTokenCount, output: answer.usageMetadata.candidatesTokenCount };
    }
    let text = "";
    for await (const chunk of await client.models.generateContentStream(ask)) text += chunk.text ?? "";
    return { text };
  },
  async models(client) {
    const ids = [];
    for await (const model of await client.models.list()) ids.push(model.name);
    return { models: ids };
  },
};

const clients = { openai, anthropic, gemini };

function told(err) {
  const header = (name) => err.headers?.get?.(name) ?? undefined;
  return {
    error: err.constructor.name,
    status: err.status,
    code: err.code ?? undefined,
    message: String(err.message).slice(0, 500),
    retryAfter: header("retry-after"),
    requestId: err.requestID ?? header("x-request-id"),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  let outcome;
  try {
    const client = clients[job.client];
    outcome = await client[job.call](client.client(job), job);
  } catch (err) {
    outcome = told(err);
  }
  process.stdout.write(JSON.stringify({ id: job.id, ...outcome }) + "\n");
}
