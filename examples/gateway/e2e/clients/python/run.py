"""Reads jobs from standard input, a JSON object on each line, makes each call with the
official client, and writes what came of it, a line for each job, as node/run.mjs does."""

import json
import sys

import anthropic
import openai
from google import genai
from google.genai import types

PROMPT = "Say hello."


class OpenAI:
    def __init__(self, job):
        self.client = openai.OpenAI(base_url=job["base"] + "/v1", api_key=job["key"], max_retries=0, timeout=30)

    def chat(self, job):
        ask = {"model": job["model"], "messages": [{"role": "user", "content": PROMPT}]}
        if not job.get("stream"):
            answer = self.client.chat.completions.create(**ask)
            return {"text": answer.choices[0].message.content, "input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens}
        chunks = self.client.chat.completions.create(**ask, stream=True)
        return {"text": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)}

    def responses(self, job):
        ask = {"model": job["model"], "input": PROMPT}
        if not job.get("stream"):
            answer = self.client.responses.create(**ask)
            return {"text": answer.output_text, "input": answer.usage.input_tokens, "output": answer.usage.output_tokens}
        events = self.client.responses.create(**ask, stream=True)
        return {"text": "".join(e.delta for e in events if e.type == "response.output_text.delta")}

    def embeddings(self, job):
        answer = self.client.embeddings.create(model=job["model"], input=PROMPT)
        return {"text": str(len(answer.data)), "input": answer.usage.prompt_tokens}

    def models(self, job):
        return {"models": [m.id for m in self.client.models.list()]}


class Anthropic:
    def __init__(self, job):
        self.client = anthropic.Anthropic(base_url=job["base"], api_key=job["key"], max_retries=0, timeout=30)

    def messages(self, job):
        ask = {"model": job["model"], "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}
        if not job.get("stream"):
            answer = self.client.messages.create(**ask)
        else:
            with self.client.messages.stream(**ask) as stream:
                answer = stream.get_final_message()
        text = "".join(getattr(part, "text", "") for part in answer.content)
        return {"text": text, "input": answer.usage.input_tokens, "output": answer.usage.output_tokens}

    def count(self, job):
        answer = self.client.messages.count_tokens(model=job["model"], messages=[{"role": "user", "content": PROMPT}])
        return {"text": "", "input": answer.input_tokens}

    def models(self, job):
        return {"models": [m.id for m in self.client.models.list()]}


class Gemini:
    def __init__(self, job):
        self.client = genai.Client(api_key=job["key"], http_options=types.HttpOptions(base_url=job["base"], timeout=30_000))

    def generate(self, job):
        ask = {"model": job["model"], "contents": PROMPT}
        if not job.get("stream"):
            answer = self.client.models.generate_content(**ask)
            usage = answer.usage_metadata
            return {"text": answer.text, "input": usage.prompt_token_count, "output": usage.candidates_token_count}
        return {"text": "".join(c.text or "" for c in self.client.models.generate_content_stream(**ask))}

    def models(self, job):
        return {"models": [m.name for m in self.client.models.list()]}


CLIENTS = {"openai": OpenAI, "anthropic": Anthropic, "gemini": Gemini}


def told(err):
    response = getattr(err, "response", None)
    headers = getattr(response, "headers", None) or {}
    return {
        "error": type(err).__name__,
        "status": getattr(err, "status_code", None) or getattr(err, "code", None),
        "message": str(err)[:500],
        "retryAfter": headers.get("retry-after"),
        "requestId": headers.get("x-request-id"),
    }


def main():
    for line in sys.stdin:
        job = json.loads(line)
        try:
            outcome = getattr(CLIENTS[job["client"]](job), job["call"])(job)
        except Exception as err:  # its class is what the tests are about
            outcome = told(err)
        print(json.dumps({"id": job["id"], **outcome}), flush=True)


main()
