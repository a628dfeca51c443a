package tour

import (
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// begin notes in the tour what became of the app where it begins.
func (t *Tour) Begin(number int, out outcome.Outcome) {
	if number >= 0 && number < len(t.Apps) {
		t.Set(number, ResultOf(out))
	}
}

// secondRound is the tour to the sites that are to clear all cookies: those
// that are same-site with the landing page, or the others.
func (t *Tour) SecondRound(it *Itinerary, near bool) *Tour {
	second := t.Clone()
	second.Cookies, second.At, second.Hops, second.Open = true, 0, 0, false
	for i := range it.Stops {
		s := &it.Stops[i]
		for n := range s.Bases {
			if app := s.First + n; i == 0 || (s.Domain == it.Stops[0].Domain) != near {
				second.Set(app, second.Result(app)&^NeedsCookies)
			}
		}
	}
	return second
}

func (t *Tour) Log(logger *zap.Logger, it *Itinerary) {
	counts := make(map[outcome.Outcome]int)
	unvisited := 0
	for _, b := range t.Apps {
		if out, ok := Outcomes[Result(b).Plain()]; ok {
			counts[out]++
		} else {
			unvisited++
		}
	}
	logger.Info("went through the sites", zap.String("logout_id", t.ID), zap.String("host", origin.Parse(t.Start).Host),
		zap.String("group", t.Group), zap.Int("sites", len(it.Stops)), zap.Int("ended", counts[outcome.Ended]),
		zap.Int("revoked", counts[outcome.Revoked]), zap.Int("cleared", counts[outcome.Cleared]), zap.Int("none", counts[outcome.None]), zap.Int("failed", counts[outcome.Failed]),
		zap.Int("unvisited", unvisited), zap.Bool("second_round", t.Cookies))
}
