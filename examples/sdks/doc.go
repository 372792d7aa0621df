// Package sdks makes the same small calls with each official Go SDK, unchanged:
// openai-go, anthropic-sdk-go (both majors) and genai, streamed and not. The
// quickstart prints what became of them, the tests send them through real proxies.
package sdks
