#include "daemon/answer_priority.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

namespace stillwatch::daemon {
namespace {

bool SetPolicyOf(pid_t thread, int policy, int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  return sched_setscheduler(thread, policy, &parameters) == 0;
}

// Tried by a thread that ends, so that no other keeps anything of it.
bool MayGoFirst() {
  bool is_granted = false;
  std::thread([&] { is_granted = SetPolicyOf(0, SCHED_RR, sched_get_priority_min(SCHED_RR)); }).join();
  return is_granted;
}

}  // namespace

AnswerPriority::AnswerPriority(bool is_wanted, std::vector<std::string> thread_names, Clock clock)
    : thread_names_(std::move(thread_names)), clock_(std::move(clock)), is_granted_(is_wanted && MayGoFirst()) {}

void AnswerPriority::OnQuestion() {
  if (!is_granted_) return;
  const TimePoint now = clock_();
  last_question_.store(now, std::memory_order_relaxed);
  const auto is_recent = [&] { return now - last_rise_.load(std::memory_order_relaxed) < kQuietTime; };
  if (is_first_.load(std::memory_order_relaxed) && is_recent()) return;
  const std::lock_guard lock(mutex_);
  if (is_first_.exchange(true) && is_recent()) return;
  last_rise_.store(now, std::memory_order_relaxed);
  SetPolicy(SCHED_RR, sched_get_priority_min(SCHED_RR));
}

void AnswerPriority::OnIntake() {
  const auto is_quiet = [this] { return clock_() - last_question_.load(std::memory_order_relaxed) >= kQuietTime; };
  if (!is_first_.load(std::memory_order_relaxed) || !is_quiet()) return;
  const std::lock_guard lock(mutex_);
  if (!is_quiet() || !is_first_.exchange(false)) return;
  SetPolicy(SCHED_OTHER, 0);
}

void AnswerPriority::SetPolicy(int policy, int priority) const {
  std::error_code error;
  // What cannot be read keeps its place.
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    std::string name;
    std::getline(std::ifstream(task->path() / "comm"), name);
    // A thread that ended meanwhile has no name.
    if (std::find(thread_names_.begin(), thread_names_.end(), name) == thread_names_.end()) continue;
    SetPolicyOf(static_cast<pid_t>(std::stol(task->path().filename())), policy, priority);
  }
}

}  // namespace stillwatch::daemon
