#include "daemon/realtime_scope.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace stillwatch::daemon {
namespace {

int PolicyOfNewThread() {
  int policy = -1;
  std::thread([&policy] { policy = sched_getscheduler(0); }).join();
  return policy;
}

TEST(RealtimeScopeTest, ThreadsThatAreStartedInItGoFirstIfThatIsAllowed) {
  const int before = sched_getscheduler(0);
  {
    const RealtimeScope scope;
    EXPECT_EQ(PolicyOfNewThread(), scope.is_granted() ? SCHED_RR : before);
  }
  EXPECT_EQ(sched_getscheduler(0), before);
  EXPECT_EQ(PolicyOfNewThread(), before);
}

// In a process of its own, which gives its rights up.
TEST(RealtimeScopeTest, WithoutTheRightNothingChanges) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit none{0, 0};
    constexpr uid_t kNobody = 65534;
    bool is_right = setrlimit(RLIMIT_RTPRIO, &none) == 0 && (getuid() != 0 || setuid(kNobody) == 0);
    const int before = sched_getscheduler(0);
    {
      const RealtimeScope scope;
      is_right = is_right && !scope.is_granted() && sched_getscheduler(0) == before;
    }
    _exit(is_right && sched_getscheduler(0) == before ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace stillwatch::daemon
