// What readers of a store found damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>

namespace stillwatch::storage {

// Counts damaged places, each once however often it is met, and tells a listener of each once.
// Threading: safe from any thread. Limits: knows kPlaceCountMax places; it neither counts nor tells of those beyond.
class DamageRegister {
 public:
  static constexpr size_t kPlaceCountMax = 10'000;
  using Listener = std::function<void(const std::string& place, const std::string& reason)>;

  // To be set before the first reader starts. Called under the register's lock, so it must not note anything itself.
  void OnDamage(Listener listener) { listener_ = std::move(listener); }

  // `place` says where, in words that are the same each time: "block 4096".
  void Note(const std::string& place, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (places_.size() >= kPlaceCountMax || !places_.insert(place).second) return;
    if (listener_) listener_(place, reason);
  }
  uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return places_.size();
  }

 private:
  mutable std::mutex mutex_;
  Listener listener_;
  std::set<std::string> places_;
};

}  // namespace stillwatch::storage
