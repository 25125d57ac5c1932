package schemas

// Rule is what an episode is about, in the words people read.
type Rule string

// The rules of this build.
const (
	RuleSlouch      Rule = "slouch"          // leaning or slouching forward for long (R1)
	RuleLoad        Rule = "load"            // the load budget of the back is used up (R2)
	RuleHold        Rule = "hold"            // an inclined trunk held for longer than ISO 11226 accepts (R3)
	RuleSitting     Rule = "sitting"         // sitting for long without a break (R4)
	RuleImmobility  Rule = "immobility"      // sitting without a posture shift (R5)
	RuleLean        Rule = "lean"            // leaning to one side for long (R6)
	RuleSudden      Rule = "sudden_movement" // a fast or sudden twist or bend (R7)
	RuleBending     Rule = "bending"         // bending again and again (R8)
	RuleHydration   Rule = "hydration"       // time for a drink, for those who asked (R9)
	RuleOffline     Rule = "offline"         // no reading for long while worn (R11)
	RuleBattery     Rule = "battery"         // the device needs charging (R11)
	RuleCalibration Rule = "calibration"     // the upright pose has to be measured, again
)

// Rules is every rule, in the order of this list.
func Rules() []Rule {
	return []Rule{
		RuleSlouch, RuleLoad, RuleHold, RuleSitting, RuleImmobility, RuleLean,
		RuleSudden, RuleBending, RuleHydration, RuleOffline, RuleBattery, RuleCalibration,
	}
}

// Severity says how much an episode matters. It only rises within one.
type Severity int

// The severities: by default that of the level.
const (
	Mild     Severity = 1
	Moderate Severity = 2
	Severe   Severity = 3
)

func (s Severity) String() string {
	switch s {
	case Mild:
		return "mild"
	case Moderate:
		return "moderate"
	case Severe:
		return "severe"
	}
	return "unknown"
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word; one of a newer build counts as unknown, 0.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = 0
	for _, known := range []Severity{Mild, Moderate, Severe} {
		if known.String() == string(b) {
			*s = known
		}
	}
	return nil
}

// Cause says more closely what a finding is about, where its rule has several.
type Cause string

// The causes.
const (
	Left  Cause = "left"  // lean: to the wearer's left
	Right Cause = "right" // lean: to the right

	Fast   Cause = "fast"   // sudden_movement: fast, after holding still
	Sudden Cause = "sudden" // sudden_movement: a jerk

	// Of calibration: why a measured pose was refused, or the present one is no
	// longer to be trusted.
	WhileMoving   Cause = "moving"     // measured while moving
	WhileSlouched Cause = "slouched"   // measured while leaning or slouching forward
	WrongPose     Cause = "wrong_pose" // measured sitting for the standing pose, or the other way round
	Degenerate    Cause = "degenerate" // no direction an upright trunk can have
	TooFew        Cause = "too_few"    // hardly a reading in the time of measuring
	Drift         Cause = "drift"      // the strap has shifted
	Rewear        Cause = "rewear"     // the device was taken off and put on again
)
