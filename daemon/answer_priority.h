// Threads that answer gateways go first, while gateways ask.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace stillwatch::daemon {

// The threads of gRPC both answer gateways and take batches. From a question on they run before all usual threads of
// the machine (SCHED_RR with the lowest real-time priority, sched(7)), so that the next question finds them awake:
// niceness is not enough for an answer within a millisecond, for where all processors are busy a thread of usual
// niceness waits for the scheduler's tick. Once nobody has asked for kQuietTime they go back in line when the next
// batch comes, because threads that wake at once for each small batch take more time for them. Linux leaves the usual
// threads a twentieth of the time, whatever real-time ones do. It takes CAP_SYS_NICE or a RLIMIT_RTPRIO of 1; without
// them nothing changes. Threading: any thread.
class AnswerPriority {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  static constexpr std::chrono::seconds kQuietTime{1};

  // `thread_names`: of the threads of this process that go first; 15 characters, as the kernel keeps them. They are
  // looked for again every kQuietTime while somebody asks, because threads are added, and have no name before they run.
  // `is_wanted`: else nothing changes, either.
  AnswerPriority(bool is_wanted, std::vector<std::string> thread_names, Clock clock = std::chrono::steady_clock::now);

  // Whether threads may go first.
  bool is_granted() const { return is_granted_; }
  // To be told of each question before it is answered, and of all that is taken in.
  void OnQuestion();
  void OnIntake();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void SetPolicy(int policy, int priority) const;

  const std::vector<std::string> thread_names_;
  const Clock clock_;
  const bool is_granted_;
  std::atomic<TimePoint> last_question_{};
  std::atomic<TimePoint> last_rise_{};  // When threads were last looked for.
  std::mutex mutex_;                    // Of changes.
  std::atomic<bool> is_first_{false};
};

}  // namespace stillwatch::daemon
