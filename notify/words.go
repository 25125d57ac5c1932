package notify

import "sitwell/schemas"

// takeBreak is the level of a finding from which it is worth a break.
const takeBreak = 3

// texts are what to do about a finding; nil where this build has no words for
// its rule and level, which is then never sent. They name something gentle to do
// now: prompts to walk work where prompts to sit less do not (HeartSteps), none
// asks for an over-corrected, chest-out pose, and none diagnoses.
func texts(f schemas.Finding) []string {
	switch f.Level {
	case worthNudge:
		return nudgeTexts(f)
	case takeBreak:
		return breakTexts(f.Rule)
	}
	return nil
}

func nudgeTexts(f schemas.Finding) []string {
	switch f.Rule {
	case schemas.RuleSlouch:
		return []string{
			"Rock your pelvis forward and grow tall, gently.",
			"Let your shoulders drop and lift the back of your head a little.",
			"Lean back for a moment and take a slow breath.",
		}
	case schemas.RuleLoad:
		return []string{
			"Change your position gently, or take a short walk.",
			"A short walk would lighten the load on your back.",
			"Lean back for a while, or walk a few steps.",
		}
	case schemas.RuleSitting:
		return []string{
			"Time for a short walk: two minutes are enough.",
			"Fetch some water on foot, your back will like it.",
			"Stand up, take a few steps and roll your shoulders.",
		}
	case schemas.RuleImmobility:
		return []string{
			"Shift in your seat: lean back, or turn a little.",
			"Move a little: another position is enough.",
			"Shift your weight and let your back move for a moment.",
		}
	case schemas.RuleLean: // for some a lean is their own normal posture
		return []string{
			"Come back to the middle, if that is not how you normally sit.",
			"Let your weight settle in the middle, if that feels natural to you.",
			"If this is not your usual position, come gently back to the middle.",
		}
	case schemas.RuleBending:
		return []string{
			"Give your back a rest from bending for a few minutes.",
			"Pause the bending for a moment and stay upright, at ease.",
			"A few minutes of another task would rest your back from bending.",
		}
	case schemas.RuleCalibration:
		return calibrationTexts(f.Cause)
	default: // seen, and never worth a nudge; or a rule of a newer build
		return nil
	}
}

func breakTexts(rule schemas.Rule) []string {
	switch rule {
	case schemas.RuleLoad:
		return []string{
			"Take a break now: a few minutes of easy walking.",
			"Give your back a break: walk about at your own pace.",
			"Leave what you are doing for five minutes and walk a little.",
		}
	case schemas.RuleSitting:
		return []string{
			"Take a real break now: five minutes on your feet.",
			"A walk of five minutes would do your back good now.",
		}
	default:
		return nil
	}
}

// calibrationTexts say how to measure the upright pose well this time. A cause of
// a newer build gets what is always right.
func calibrationTexts(cause schemas.Cause) []string {
	switch cause {
	case schemas.WhileMoving:
		return []string{
			"Sit or stand upright, keep still for 10 seconds and measure again.",
			"Measure again while you sit or stand upright and still for 10 seconds.",
		}
	case schemas.WhileSlouched: // taken off for 10 s, it starts afresh: a first pose may have been the wrong one
		return []string{
			"Come gently upright for 10 seconds and measure; if you were, take it off first.",
			"Measure again, upright for 10 seconds. If you were so, take it off before.",
		}
	case schemas.WrongPose:
		return []string{
			"Sit or stand upright as the pose asks for 10 seconds and measure again.",
			"Measure again: upright for 10 seconds, sitting for the seated pose.",
		}
	case schemas.Degenerate:
		return []string{
			"Check how the device sits, stay upright for 10 seconds and measure again.",
			"Turn the device the right way, then measure again: upright, 10 seconds.",
		}
	case schemas.TooFew:
		return []string{
			"Sit or stand upright for the whole 10 seconds and measure again.",
			"Measure again: sit or stand upright for a full 10 seconds.",
		}
	case schemas.Drift:
		return []string{
			"Tighten the strap, sit or stand upright for 10 seconds and measure again.",
			"Put the strap right, stay upright for 10 seconds and measure again.",
		}
	default: // Rewear: nothing went wrong
		return []string{
			"Sit or stand upright for 10 seconds and measure again.",
			"Measure your upright pose again: sit or stand upright for 10 seconds.",
		}
	}
}
