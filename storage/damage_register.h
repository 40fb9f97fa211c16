// What readers of a store found damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace stillwatch::storage {

// Counts damaged places, each once however often it is met, and tells a listener of each once.
// Threading: safe from any thread. Limits: knows kPlaceCountMax places; it neither counts nor tells of those beyond.
class DamageRegister {
 public:
  static constexpr size_t kPlaceCountMax = 10'000;
  using Listener = std::function<void(const std::string& place, const std::string& reason)>;

  // To be set before the first reader starts; told at once of what was noted before. Called under the register's lock, so
  // it must not note anything itself.
  void OnDamage(Listener listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
    for (const auto& [place, reason] : reasons_) listener_(place, reason);
  }

  // `place` says where, in words that are the same each time: "block 4096".
  void Note(const std::string& place, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (reasons_.size() >= kPlaceCountMax || !reasons_.emplace(place, reason).second) return;
    if (listener_) listener_(place, reason);
  }
  uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return reasons_.size();
  }

 private:
  mutable std::mutex mutex_;
  Listener listener_;
  std::map<std::string, std::string> reasons_;  // By place.
};

}  // namespace stillwatch::storage
