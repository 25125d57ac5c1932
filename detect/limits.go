package detect

import (
	"strconv"
	"time"

	"sitwell/schemas"
)

// fixedLimits are the parameters of a rule that nobody can change, as its receipts
// tell them beside the tunable ones.
func fixedLimits(rule schemas.Rule, p *Params) map[string]string {
	ms := func(n int64) string { return tidy(time.Duration(n) * time.Millisecond) }
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch rule {
	case schemas.RuleSlouch:
		return map[string]string{"lean_back_deg": number(p.LeanBackDeg), "gap_ends": tidy(p.GapEnds)}
	case schemas.RuleLoad:
		return map[string]string{
			"no_load_to_deg": number(loadFromDeg), "full_load_from_deg": number(loadFullDeg),
			"rises_in": ms(loadRises), "falls_fast_in": ms(loadFallsFast), "falls_slowly_in": ms(loadFallsSlow),
		}
	case schemas.RuleHold:
		return map[string]string{
			"from_deg": number(holdFrom / 10), "holding_time_at_20_deg": ms(holdLimit(holdFrom)), "holding_time_at_60_deg": ms(holdLimit(holdFar)),
			"recovery_times_holding": strconv.Itoa(recoverTimes),
		}
	case schemas.RuleSitting:
		return map[string]string{
			"away_ignored": tidy(p.AwayIgnored), "away_ends": tidy(p.AwayEnds), "break_moving": tidy(p.BreakMoving), "gap_ends": tidy(p.GapEnds),
		}
	case schemas.RuleSudden:
		return map[string]string{
			"after_still_for": ms(suddenAfter), "sudden_dps": strconv.Itoa(suddenRate), "sudden_within": ms(suddenWithin),
			"fast_twist_dps": strconv.Itoa(fastTwist), "fast_dps": strconv.Itoa(fastElse), "fast_range_deg": strconv.Itoa(fastRange), "fast_for": ms(fastFor),
		}
	case schemas.RuleBending:
		return map[string]string{"up_at_deg": number(bendUp / 10), "down_at_deg": number(bendDown / 10)}
	case schemas.RuleOffline:
		return map[string]string{"offline_after": tidy(p.OfflineAfter)}
	case schemas.RuleCalibration:
		return map[string]string{
			"calibrate_for": tidy(p.CalibrateFor), "pose_spread_deg": number(p.PoseSpread), "pose_forward_deg": number(p.SlouchDeg),
			"pose_apart_deg": number(p.PoseApart), "pose_behind_deg": number(p.PoseBehind), "drift_deg": number(p.DriftDeg), "drift_for": tidy(p.DriftFor),
			"drift_walks": strconv.Itoa(p.DriftWalks), "rewear_after": tidy(p.RewearAfter),
		}
	case schemas.RuleImmobility, schemas.RuleLean, schemas.RuleHydration, schemas.RuleBattery: // theirs can all be changed
	}
	return nil
}
