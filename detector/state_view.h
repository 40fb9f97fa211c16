// Reading an account's state wherever it is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "detector/account_state.h"

namespace stillwatch::detector {

// A state to be read: the account's own, or a copy if that is packed away.
// Ownership: must not outlive what it is a view of.
class StateView {
 public:
  StateView() = default;
  explicit StateView(const LiveState& state) : state_(&state) {}
  explicit StateView(std::unique_ptr<const LiveState> copy) : copy_(std::move(copy)), state_(copy_.get()) {}

  const LiveState& operator*() const { return *state_; }
  const LiveState* operator->() const { return state_; }

 private:
  std::unique_ptr<const LiveState> copy_;
  const LiveState* state_ = nullptr;
};

// Where a search finds the states of accounts.
class StateSource {
 public:
  virtual ~StateSource() = default;
  // Safe from any thread while nothing is written.
  virtual StateView StateAt(uint32_t place) const = 0;
};

}  // namespace stillwatch::detector
