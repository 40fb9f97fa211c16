#include "enforcement/policy.h"

namespace stillwatch::enforcement {
namespace {

bool Holds(const std::optional<DecisionEntry>& by_analyst, int64_t now_unix_nano) {
  return by_analyst && by_analyst->ruling != Ruling::kAutomatic && by_analyst->end_unix_nano > now_unix_nano;
}

}  // namespace

Ruling RuleOn(const PolicyOptions& options, const detector::Standing& standing,
              const std::optional<DecisionEntry>& by_analyst, int64_t now_unix_nano) {
  if (options.mode == EnforcementMode::kOff || standing.label == Label::kBenign) return Ruling::kAllow;
  if (Holds(by_analyst, now_unix_nano)) return by_analyst->ruling;
  return standing.verdict >= options.min_verdict ? Ruling::kRefuse : Ruling::kAllow;
}

DecisionOrigin OriginOf(const detector::Standing& standing, const std::optional<DecisionEntry>& by_analyst,
                        int64_t now_unix_nano) {
  const bool is_analyst = standing.label == Label::kBenign || Holds(by_analyst, now_unix_nano);
  return is_analyst ? DecisionOrigin::kAnalyst : DecisionOrigin::kVerdict;
}

Permission PermissionUnder(EnforcementMode mode, Ruling ruling) {
  if (mode == EnforcementMode::kOff || ruling != Ruling::kRefuse) return Permission::kAllowed;
  return mode == EnforcementMode::kShadow ? Permission::kAllowedInShadow : Permission::kRefused;
}

std::string_view NameOf(EnforcementMode mode) {
  switch (mode) {
    case EnforcementMode::kOff:
      return "off";
    case EnforcementMode::kShadow:
      return "shadow";
    case EnforcementMode::kOn:
      return "on";
  }
  return "on";
}

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClear:
      return "clear";
    case Verdict::kReview:
      return "review";
    case Verdict::kAct:
      return "act";
  }
  return "clear";
}

}  // namespace stillwatch::enforcement
