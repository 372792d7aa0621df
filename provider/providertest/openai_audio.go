package providertest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

const usualSound = 4 << 10 // bytes of speech

// sounds are the formats of speech, and how files of each begin.
var sounds = map[string]struct{ contentType, magic string }{
	"":     {"audio/mpeg", "ID3\x04\x00\x00\x00\x00\x00\x00"},
	"mp3":  {"audio/mpeg", "ID3\x04\x00\x00\x00\x00\x00\x00"},
	"opus": {"audio/opus", "OggS\x00\x02"},
	"aac":  {"audio/aac", "\xff\xf1\x50\x80"},
	"flac": {"audio/flac", "fLaC"},
	"wav":  {"audio/wav", ""},
	"pcm":  {"audio/pcm", ""},
}

// speech is silence: as a file, of which only WAV and PCM can be played, or as
// events.
func speech(c *call, h http.Header) answer {
	sound, ok := sounds[c.text("response_format")]
	switch {
	case c.text("input") == "":
		return c.refuse("input", "Missing required parameter: 'input'.")
	case !ok:
		return c.refuse("response_format", "Invalid value for 'response_format'. Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav', and 'pcm'.")
	}
	silence := make([]byte, max(usualSound, c.bulk))
	content := append([]byte(sound.magic), silence...)
	if c.text("response_format") == "wav" {
		content = append(wave(len(silence)), silence...)
	}
	h.Set("Content-Type", sound.contentType)
	var events []event
	for part := range slices.Chunk(content, max(usualSound/4, c.bulk)) {
		events = append(events, typed("speech.audio.delta", member{"audio", base64.StdEncoding.EncodeToString(part)}))
	}
	events = append(events, typed("speech.audio.done", member{"usage", object{
		{"input_tokens", c.InputTokens}, {"output_tokens", c.OutputTokens}, {"total_tokens", c.InputTokens + c.OutputTokens},
	}}))
	return answer{header: h, raw: content, events: events, framing: serverSent}
}

// typed is an event that says its name twice, as those of sounds do.
func typed(name string, members ...member) event {
	return event{name: name, data: encode(append(object{{"type", name}}, members...))}
}

// wave is the head of a WAV file of 24 kHz, one channel and 16 bits.
func wave(size int) []byte {
	n := uint32(min(uint64(size), math.MaxUint32-36)) // #nosec G115 -- bounded, and no length is negative
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, 36+n)...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 24000)
	b = binary.LittleEndian.AppendUint32(b, 48000)
	b = append(b, "\x02\x00\x10\x00data"...)
	return binary.LittleEndian.AppendUint32(b, n)
}

// whisper tells whether a transcription is counted by time and never streamed.
func whisper(c *call) bool { return strings.HasPrefix(c.model, "whisper") }

// transcription is what was said in a file, in one of several formats. A
// translation has no usage.
func transcription(c *call, h http.Header) answer {
	if _, ok := c.files["file"]; !ok {
		return c.refuse("file", "Missing required parameter: 'file'.")
	}
	text := c.text("response_format")
	end := c.AudioTime
	switch text {
	case "text":
		return plain(h, c.Text+"\n")
	case "srt":
		return plain(h, fmt.Sprintf("1\n%s --> %s\n%s\n\n", clock(0, ","), clock(end, ","), c.Text))
	case "vtt":
		return plain(h, fmt.Sprintf("WEBVTT\n\n%s --> %s\n%s\n\n", clock(0, "."), clock(end, "."), c.Text))
	}
	body := object{{"text", c.Text}}
	if text == "verbose_json" {
		body = object{
			{"task", "transcribe"}, {"language", "english"}, {"duration", end.Seconds()}, {"text", c.Text},
			{"segments", list{object{
				{"id", 0}, {"seek", 0}, {"start", 0.0}, {"end", end.Seconds()}, {"text", c.Text}, {"tokens", list{}},
				{"temperature", 0.0}, {"avg_logprob", -0.1}, {"compression_ratio", 1.0}, {"no_speech_prob", 0.0},
			}}},
		}
	}
	if c.op == opTranslation {
		if text == "verbose_json" {
			body[0].value = "translate"
		}
		return answer{header: h, body: body}
	}
	return answer{header: h, body: append(body, member{"usage", transcriptUsage(c)}), events: transcriptEvents(c), framing: serverSent}
}

func transcriptEvents(c *call) []event {
	var events []event
	for _, p := range pieces(c.Text) {
		events = append(events, typed("transcript.text.delta", member{"delta", p}))
	}
	return append(events, typed("transcript.text.done", member{"text", c.Text}, member{"usage", transcriptUsage(c)}))
}

// transcriptUsage is in tokens, or for whisper in seconds.
func transcriptUsage(c *call) object {
	if whisper(c) {
		return object{{"type", "duration"}, {"seconds", c.AudioTime.Seconds()}}
	}
	return object{
		{"type", "tokens"}, {"input_tokens", c.InputTokens},
		{"input_token_details", object{{"text_tokens", 0}, {"audio_tokens", c.InputTokens}}},
		{"output_tokens", c.OutputTokens}, {"total_tokens", c.InputTokens + c.OutputTokens},
	}
}

func plain(h http.Header, text string) answer {
	h.Set("Content-Type", "text/plain; charset=utf-8")
	return answer{header: h, raw: []byte(text)}
}

// clock is a time in subtitles: 00:00:03,000.
func clock(d time.Duration, comma string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", d/time.Hour, d/time.Minute%60, d/time.Second%60, comma, d/time.Millisecond%1000)
}
