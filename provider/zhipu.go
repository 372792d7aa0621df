package provider

import (
	"net/http"
	"strings"
	"time"
)

// zhipuRules follow Zhipu's page of codes (provider-facts 9.6; words of
// docs.bigmodel.cn/cn/api/api-code). The status says little: a 429 may be
// concurrency, an empty balance, a locked account or a locked end user. Codes
// are digits in a string.
var zhipuRules = []rule{
	// The credential and the account.
	{code: "1000", class: ClassAuthInvalid},
	{code: "1001", class: ClassAuthInvalid},
	{code: "1002", class: ClassAuthInvalid},
	{code: "1003", class: ClassAuthInvalid}, // expired
	{code: "1004", class: ClassAuthInvalid},
	{code: "1110", class: ClassAuthInvalid, permanent: true}, // inactive
	{code: "1111", class: ClassAuthInvalid},
	{code: "1112", class: ClassAuthInvalid, permanent: true}, // locked
	{code: "1121", class: ClassAuthInvalid, permanent: true}, // locked for a violation
	{code: "1220", class: ClassPermission},
	{code: "1311", class: ClassPermission}, // the plan has not this model
	{status: 434, class: ClassPermission},

	// Money and plan windows.
	{code: "1113", class: ClassQuotaExhausted},
	{code: "1304", class: ClassQuotaExhausted}, // per day
	{code: "1308", class: ClassQuotaExhausted}, // says when it ends
	{code: "1309", class: ClassQuotaExhausted}, // the plan has ended
	{code: "1310", class: ClassQuotaExhausted}, // per week or month; says when it ends
	{code: "1316", class: ClassQuotaExhausted}, // this and the next: plan windows that docs.z.ai words like 1308 (seen)
	{code: "1317", class: ClassQuotaExhausted},
	{code: "1318", class: ClassQuotaExhausted},
	{code: "1319", class: ClassQuotaExhausted},
	{code: "1320", class: ClassQuotaExhausted},
	{code: "1321", class: ClassQuotaExhausted},

	// Rate and load.
	{code: "1302", class: ClassCapacity}, // concurrency; clears in less than 5 s
	{code: "1303", class: ClassCapacity}, // frequency, likewise
	{code: "1305", class: ClassOverloaded},
	{code: "1313", class: ClassRateLimited, scope: ScopeAccount}, // fair use; unsure
	{code: "1312", class: ClassOverloaded},
	{code: "1120", class: ClassTransient},
	{code: "1234", class: ClassTransient},
	{code: "500", class: ClassTransient},
	{code: "1100", class: ClassTransient},
	{code: "1200", class: ClassTransient},
	{code: "1230", class: ClassTransient},

	// The request and the model.
	{code: "1210", class: ClassInvalidRequest},
	{code: "1212", class: ClassInvalidRequest},
	{code: "1213", class: ClassInvalidRequest},
	{code: "1214", class: ClassInvalidRequest},
	{code: "1215", class: ClassInvalidRequest},
	{code: "1231", class: ClassInvalidRequest},
	{code: "1211", class: ClassModelNotFound},
	{code: "1221", class: ClassModelNotFound},
	{code: "1222", class: ClassModelNotFound},
	{code: "1261", class: ClassContextTooLong},
	{code: "1301", class: ClassContentPolicy},
	{status: 435, class: ClassTooLarge}, // a file
}

// zhipuTexts are words for an empty balance and a locked account.
var zhipuTexts = []textRule{
	{anyGeneric, "余额不足", ClassQuotaExhausted, 0, false},
	{anyGeneric, "余额已用完", ClassQuotaExhausted, 0, false},
	{anyGeneric, "无可用资源包", ClassQuotaExhausted, 0, false},
	{anyGeneric, "请充值", ClassQuotaExhausted, 0, false},
	{anyGeneric, "账户已被锁定", ClassAuthInvalid, 0, true},
	{anyGeneric, "账号已被锁定", ClassAuthInvalid, 0, true},
	{anyGeneric, "account has been locked", ClassAuthInvalid, 0, true},
}

// zhipuFinish are the finish reasons that say of a good answer that it is none
// (provider-facts 9.6, unsure).
var zhipuFinish = map[string]Class{
	"sensitive":                     ClassContentPolicy,
	"network_error":                 ClassTransient,
	"model_context_window_exceeded": ClassContextTooLong,
}

var (
	zhipuProtocol          = zhipuWith(openaiProtocol)
	zhipuAnthropicProtocol = zhipuWith(anthropicProtocol)
)

func zhipuWith(base *protocol) *protocol {
	return base.with(zhipuRules, zhipuTexts).but(func(pr *protocol) {
		pr.finish = zhipuFinish
		pr.reset = func(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
			if v.Class == ClassQuotaExhausted {
				if t := zhipuDate(p.text, now); !t.IsZero() {
					return t
				}
			}
			return base.reset(v, p, h, now)
		}
	})
}

// beijing is the zone of dates that name none (seen).
var beijing = time.FixedZone("CST", 8*60*60)

// zhipuDate reads the first date and time in a message in lower case: "your
// limit will reset at 2026-09-09 05:38:28", "您的限额将在 … 重置". Zero: none that
// is to come.
func zhipuDate(text string, now time.Time) time.Time {
	for {
		i := strings.Index(text, "20")
		if i < 0 {
			return time.Time{}
		}
		text = text[i:]
		if n := len(time.DateTime); len(text) >= n {
			at := strings.ToUpper(text[:n])
			if t, err := time.ParseInLocation(time.DateTime, at, beijing); err == nil {
				return inTime(t, now)
			}
			if t, err := time.Parse("2006-01-02T15:04:05", at); err == nil && strings.HasPrefix(text[n:], "z") {
				return inTime(t, now)
			}
		}
		text = text[len("20"):]
	}
}

var zhipuPlaces = []*Provider{
	speaks(OpenAI.API, zhipuProtocol, Provider{
		Name: "zhipu", BaseURL: "https://open.bigmodel.cn/api/paas/v4", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpEmbeddings, OpImages, OpAudio, OpVideos, OpModeration, OpFiles, OpBatches},
		Source:     "github.com/zai-org/z-ai-sdk-python: operations; provider-facts 9.1, 9.2, 9.6 [D][T]",
	}),
	speaks(OpenAI.API, zhipuProtocol, Provider{
		Name: "zhipu-intl", BaseURL: "https://api.z.ai/api/paas/v4", Authorize: bearer,
		Operations: []OperationKind{OpChat},
		Source:     "docs.z.ai/guides/develop/openai: base; provider-facts 9.1, 9.6 [D]",
	}),
	speaks(Anthropic.API, zhipuAnthropicProtocol, Provider{
		Name: "zhipu-anthropic", BaseURL: "https://open.bigmodel.cn/api/anthropic", Authorize: bearer,
		Operations: onlyMessages,
		Source:     "provider-facts 9.1, 9.6 [T]; the key goes as for Claude Code, as ANTHROPIC_AUTH_TOKEN",
	}),
	speaks(Anthropic.API, zhipuAnthropicProtocol, Provider{
		Name: "zhipu-intl-anthropic", BaseURL: "https://api.z.ai/api/anthropic", Authorize: bearer,
		Operations: onlyMessages,
		Source:     "docs.z.ai: ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN; provider-facts 9.1, 9.6 [D]",
	}),
}
