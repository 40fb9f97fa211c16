#include "daemon/realtime_scope.h"

namespace stillwatch::daemon {

RealtimeScope::RealtimeScope() : policy_before_(sched_getscheduler(0)) {
  sched_getparam(0, &parameters_before_);
  sched_param parameters{};
  parameters.sched_priority = sched_get_priority_min(SCHED_RR);
  is_granted_ = sched_setscheduler(0, SCHED_RR, &parameters) == 0;
}

RealtimeScope::~RealtimeScope() {
  if (is_granted_) sched_setscheduler(0, policy_before_, &parameters_before_);
}

}  // namespace stillwatch::daemon
