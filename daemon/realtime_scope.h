// Threads that answer go first.
#pragma once

#include <sched.h>

namespace stillwatch::daemon {

// While it lives, the calling thread and those that it starts, and those that these start later, run before all usual
// threads of the machine (SCHED_RR with the lowest real-time priority, sched(7)). Niceness is not enough for an answer
// within a millisecond: where all processors are busy, a thread of usual niceness waits for the scheduler's tick.
// Linux leaves the usual threads a twentieth of the time, whatever real-time ones do.
// It takes CAP_SYS_NICE or a RLIMIT_RTPRIO of 1; without them nothing changes.
class RealtimeScope {
 public:
  RealtimeScope();
  ~RealtimeScope();
  RealtimeScope(const RealtimeScope&) = delete;
  RealtimeScope& operator=(const RealtimeScope&) = delete;

  bool is_granted() const { return is_granted_; }

 private:
  int policy_before_;
  sched_param parameters_before_{};
  bool is_granted_;
};

}  // namespace stillwatch::daemon
