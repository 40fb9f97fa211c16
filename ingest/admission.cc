#include "ingest/admission.h"

#include <utility>

namespace stillwatch::ingest {

void Admission::Release(size_t bytes) {
  const uint64_t left = in_flight_bytes_.fetch_sub(bytes) - bytes;
  if (left >= bytes_max_) return;
  std::vector<std::function<void()>> called;
  {
    const std::lock_guard lock(mutex_);
    called.swap(waiters_);
  }
  for (const auto& waiter : called) waiter();
}

bool Admission::HasRoomOrWait(std::function<void()> on_room) {
  const std::lock_guard lock(mutex_);
  // Checked under the lock: a Release that comes after finds the waiter.
  if (in_flight_bytes_ < bytes_max_) return true;
  waiters_.push_back(std::move(on_room));
  return false;
}

}  // namespace stillwatch::ingest
