#include "daemon/answer_priority.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <optional>
#include <thread>

namespace stillwatch::daemon {
namespace {

using std::chrono::steady_clock;

constexpr char kName[] = "answers";

// A thread of that name, from its construction to its end.
class NamedThread {
 public:
  explicit NamedThread(const char* name) {
    std::promise<pid_t> id;
    std::future<pid_t> id_of_thread = id.get_future();
    thread_ = std::jthread([name, &id, end = end_.get_future()] {
      pthread_setname_np(pthread_self(), name);
      id.set_value(gettid());
      end.wait();
    });
    id_ = id_of_thread.get();
  }
  ~NamedThread() { end_.set_value(); }

  int Policy() const { return sched_getscheduler(id_); }

 private:
  std::promise<void> end_;
  pid_t id_ = 0;
  std::jthread thread_;
};

TEST(AnswerPriorityTest, ThreadsGoFirstFromAQuestionUntilNobodyAsksAnyMore) {
  steady_clock::time_point now{};
  AnswerPriority priority(true, {"another", kName}, [&now] { return now; });
  const int first = priority.is_granted() ? SCHED_RR : SCHED_OTHER;
  const NamedThread one(kName);
  const NamedThread two(kName);
  priority.OnIntake();
  EXPECT_EQ(one.Policy(), SCHED_OTHER) << "nobody asked";
  priority.OnQuestion();
  EXPECT_EQ(one.Policy(), first);
  EXPECT_EQ(two.Policy(), first);
  now += AnswerPriority::kQuietTime - std::chrono::nanoseconds(1);
  priority.OnIntake();
  EXPECT_EQ(one.Policy(), first) << "somebody asked within the quiet time";
  priority.OnQuestion();
  now += std::chrono::nanoseconds(1);
  priority.OnIntake();
  EXPECT_EQ(one.Policy(), first) << "the last question counts";
  now += AnswerPriority::kQuietTime;
  priority.OnIntake();
  EXPECT_EQ(one.Policy(), SCHED_OTHER);
  EXPECT_EQ(two.Policy(), SCHED_OTHER);
  priority.OnQuestion();
  EXPECT_EQ(one.Policy(), first) << "asked again";
}

TEST(AnswerPriorityTest, AThreadThatIsAddedLaterGoesFirstToo) {
  steady_clock::time_point now{};
  AnswerPriority priority(true, {kName}, [&now] { return now; });
  priority.OnQuestion();
  const NamedThread late(kName);
  now += AnswerPriority::kQuietTime - std::chrono::nanoseconds(1);
  priority.OnQuestion();
  EXPECT_EQ(late.Policy(), SCHED_OTHER) << "threads are looked for now and then";
  now += std::chrono::nanoseconds(1);
  priority.OnQuestion();
  EXPECT_EQ(late.Policy(), priority.is_granted() ? SCHED_RR : SCHED_OTHER);
}

TEST(AnswerPriorityTest, OtherThreadsKeepTheirPlace) {
  AnswerPriority priority(true, {kName});
  const NamedThread other("other");
  priority.OnQuestion();
  EXPECT_EQ(other.Policy(), SCHED_OTHER);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(AnswerPriorityTest, NothingChangesUnlessItIsWanted) {
  AnswerPriority priority(false, {kName});
  const NamedThread thread(kName);
  priority.OnQuestion();
  EXPECT_FALSE(priority.is_granted());
  EXPECT_EQ(thread.Policy(), SCHED_OTHER);
}

// Runs `body` in a process of its own, not privileged, that may set real-time priorities up to `limit`. Nothing, if no
// such process can be had here; else whether `body` returned true.
std::optional<bool> HoldsWithLimit(rlim_t limit, bool (*body)()) {
  constexpr int kImpossible = 2;
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limits{limit, limit};
    constexpr uid_t kNobody = 65534;
    const bool is_limited = setrlimit(RLIMIT_RTPRIO, &limits) == 0 && (getuid() != 0 || setuid(kNobody) == 0);
    _exit(!is_limited ? kImpossible : body() ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return std::nullopt;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kImpossible) return std::nullopt;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(AnswerPriorityTest, WithoutTheRightNothingChanges) {
  const std::optional<bool> holds = HoldsWithLimit(0, [] {
    AnswerPriority priority(true, {kName});
    const NamedThread thread(kName);
    priority.OnQuestion();
    return !priority.is_granted() && thread.Policy() == SCHED_OTHER;
  });
  EXPECT_EQ(holds, true);
}

TEST(AnswerPriorityTest, ALimitOfOneIsRightEnough) {
  const std::optional<bool> holds = HoldsWithLimit(1, [] {
    steady_clock::time_point now{};
    AnswerPriority priority(true, {kName}, [&now] { return now; });
    const NamedThread thread(kName);
    bool is_right = priority.is_granted();
    for (int i = 0; i < 2; ++i) {  // It may rise again after it fell.
      priority.OnQuestion();
      is_right = is_right && thread.Policy() == SCHED_RR;
      now += AnswerPriority::kQuietTime;
      priority.OnIntake();
      is_right = is_right && thread.Policy() == SCHED_OTHER;
    }
    return is_right;
  });
  EXPECT_NE(holds, false) << "where such a process can be had";
}

}  // namespace
}  // namespace stillwatch::daemon
