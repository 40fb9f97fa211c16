// What is counted of enforcement.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proto/decision.h"

namespace stillwatch::enforcement {

// Where gateways ask.
enum class Interface : uint8_t { kCheckAccount, kExternalAuthorization, kDecisionQuery, kGuardrail };
inline constexpr size_t kInterfaceCount = 4;
inline constexpr size_t kPermissionCount = 3;

// Threading: safe from any thread.
struct EnforcementCounters {
  std::array<std::array<std::atomic<uint64_t>, kPermissionCount>, kInterfaceCount> answers{};
  std::atomic<uint64_t> begun_decision_count{0};
  std::atomic<uint64_t> ended_decision_count{0};
  std::atomic<uint64_t> stream_pull_count{0};  // Of decisions, by bouncers.

  void CountAnswer(Interface interface, Permission permission) {
    answers[static_cast<size_t>(interface)][static_cast<size_t>(permission)].fetch_add(1, std::memory_order_relaxed);
  }
};

}  // namespace stillwatch::enforcement
