package provider

// An OperationKind says what a request asks for, in the same words for every
// API.
type OperationKind uint8

// The kinds of operation. The zero value is one that was not recognised.
const (
	OpUnknown     OperationKind = iota
	OpChat                      // OpenAI chat completions, at whatever provider
	OpResponses                 // OpenAI responses, created or compacted
	OpCompletions               // the old text completions
	OpEmbeddings
	OpImages
	OpAudio // speech, transcription, translation
	OpVideos
	OpModeration
	OpModels // listing or reading models
	OpFiles  // files and uploads
	OpBatches
	OpFineTuning
	OpMessages     // Anthropic messages
	OpCountTokens  // counting without generating
	OpGenerate     // Gemini generateContent and streamGenerateContent
	OpStored       // another object kept by the provider: a stored response, a vector store, cached content
	OpRealtime     // a conversation over a WebSocket, which is not built yet
	OpInteractions // Gemini interactions
)

var kindNames = [...]string{
	OpUnknown: "unknown", OpChat: "chat", OpResponses: "responses", OpCompletions: "completions",
	OpEmbeddings: "embeddings", OpImages: "images", OpAudio: "audio", OpVideos: "videos",
	OpModeration: "moderation", OpModels: "models", OpFiles: "files", OpBatches: "batches",
	OpFineTuning: "fine-tuning", OpMessages: "messages", OpCountTokens: "count tokens",
	OpGenerate: "generate", OpStored: "stored object", OpRealtime: "realtime",
	OpInteractions: "interactions",
}

// String returns the kind in a word or two: "chat", "count tokens".
func (k OperationKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[OpUnknown]
}

// keeps reports whether the operation is about something the provider keeps,
// so that an error or a usage record in a good answer belongs to that thing
// and not to this request.
func (k OperationKind) keeps() bool {
	switch k {
	case OpModels, OpFiles, OpBatches, OpFineTuning, OpStored, OpVideos:
		return true
	}
	return false
}

// Free reports whether operations of that kind cost nothing, so that a good answer does
// not show that there is money: counting tokens, models and files.
func (k OperationKind) Free() bool { return k == OpCountTokens || k == OpModels || k == OpFiles }

// An Operation is what could be told about a request. What could not be told
// is left at its zero value. It is a value: copy it as you like.
type Operation struct {
	API  string // the API's name, also when the kind is not known
	Kind OperationKind

	// Model is the model as the request names it, without Gemini's "models/",
	// or the agent that stands for one (interactions); empty: it names none, or
	// none that could be read. When a body names it twice, the last one counts,
	// as for encoding/json. At most 512 bytes.
	Model string

	// Stream says that the request asks for its answer in pieces. Whether it
	// gets it so is up to the answer.
	Stream bool

	// Session is what the caller calls the conversation by, at most 512 bytes:
	// the header x-claude-code-session-id, else prompt_cache_key, else
	// metadata.user_id. Empty: none.
	Session string

	// Tenant is who the caller says its own user is, at most 512 bytes: OpenAI's
	// safety_identifier, else user; Anthropic's metadata.user_id. Empty: nobody.
	Tenant string

	// Objects are the ids, in the path or the body, of things that live in the
	// account that made them: a previous response, a conversation, files,
	// containers, cached content. Such a request can be served there only.
	// Gemini's are names: files/f, cachedContents/c, models/m/operations/o; an
	// upload under way is its upload_id. At most 16 of at most 512 bytes each;
	// nil: none. What tools were called with or gave is not searched. Which of
	// them an account has is told by its answers: [NewObjectFinder].
	Objects []string

	// Repeatable says that sending the request twice costs money at worst: it
	// generates, embeds, counts or only reads. A request that makes, changes
	// or removes something the provider keeps is not repeatable, and neither
	// is one that was not recognised, unless it is a GET or HEAD. A response
	// that is stored (store: true) counts as generation; one that is added to
	// a conversation does not.
	Repeatable bool

	where    location // of the model
	store    storing
	runsCode bool      // in a container that the account keeps
	ids      answerIDs // where the answer has ids
}

// A place is where a request names its model.
type place uint8

const (
	nowhere     place = iota
	inBody            // the top-level member "model" of a JSON object
	inAgent           // the member "agent" in its stead
	inForm            // the field "model" of a form
	inPath            // from /models/ to the path's end
	beforeColon       // from /models/ or /tunedModels/ to the last colon, as in Gemini
)

// A location is a place, and within a body the bytes the value took there.
type location struct {
	place place
	span
}
