package providertest

import (
	"net/http"
	"time"
)

// cachedContent is the beginning of prompts, kept for a while.
type cachedContent struct {
	display, model   string
	created, expires time.Time
}

const cacheLife = time.Hour // unless the call says how long

// geminiCaches keeps, shows and forgets cached content.
func geminiCaches(c *call, h http.Header) answer {
	show := func(it *item) object { return cacheObject(c, it) }
	switch c.op {
	case opCacheCreate:
		cache := cachedContent{c.text("displayName"), c.model, c.at, c.at.Add(cacheLife)}
		if life, err := time.ParseDuration(c.text("ttl")); err == nil {
			cache.expires = c.at.Add(life)
		} else if at, err := time.Parse(time.RFC3339, c.text("expireTime")); err == nil {
			cache.expires = at
		}
		it := c.item(inCaches, c.id("cache-"), 0, cache)
		return answer{header: h, body: show(it), keep: []*item{it}}
	case opCaches:
		var live []*item
		for _, it := range c.shelf.all(inCaches, c.key, c.at) {
			if _, ok := liveCache(c, it.id); ok {
				live = append(live, it)
			}
		}
		return geminiList(c, h, "cachedContents", 50, 1000, rows(live, show))
	}
	it, ok := liveCache(c, c.object)
	switch {
	case !ok:
		return c.lack(inCaches, c.object)
	case c.op == opCacheDelete:
		return answer{header: h, body: object{}, drop: it}
	}
	return answer{header: h, body: show(it)}
}

// liveCache finds cached content of the caller's that has not expired.
func liveCache(c *call, id string) (*item, bool) {
	cache, it, ok := kept[cachedContent](c, inCaches, id)
	return it, ok && c.at.Before(cache.expires)
}

func cacheObject(c *call, it *item) object {
	cache, _ := it.value.(cachedContent)
	o := object{{"name", "cachedContents/" + it.id}, {"model", "models/" + cache.model}}
	if cache.display != "" {
		o = append(o, member{"displayName", cache.display})
	}
	return append(o, object{
		{"createTime", googleTime(cache.created)}, {"updateTime", googleTime(cache.created)}, {"expireTime", googleTime(cache.expires)},
		{"usageMetadata", object{{"totalTokenCount", c.InputTokens}}},
	}...)
}
