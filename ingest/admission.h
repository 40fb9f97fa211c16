// How much may be on its way at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace stillwatch::ingest {

// Bounds the bytes that were received and are not acknowledged yet, over all streams. A stream that finds it full stops
// reading, which fills its HTTP/2 window and so slows its sender; it is called when there is room again.
// Threading: from any thread; Release may call waiters on the calling thread, which must not hold locks they need.
// Limits: one batch a stream may still exceed the bound, as a batch's size is only known once it is read.
class Admission {
 public:
  // `in_flight_bytes` holds the sum, for whoever shows it.
  Admission(size_t bytes_max, std::atomic<uint64_t>& in_flight_bytes)
      : bytes_max_(bytes_max), in_flight_bytes_(in_flight_bytes) {}

  void Acquire(size_t bytes) { in_flight_bytes_ += bytes; }
  void Release(size_t bytes);
  // True if there is room; otherwise `on_room` is called once when there is.
  bool HasRoomOrWait(std::function<void()> on_room);
  // For senders that can be told to come again: true if there is room.
  bool has_room() const { return in_flight_bytes_ < bytes_max_; }

 private:
  const size_t bytes_max_;
  std::atomic<uint64_t>& in_flight_bytes_;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiters_;
};

// Holds bytes of an Admission.
class AdmittedBytes {
 public:
  AdmittedBytes(Admission& admission, size_t bytes) : admission_(admission), bytes_(bytes) {
    admission_.Acquire(bytes_);
  }
  AdmittedBytes(const AdmittedBytes&) = delete;
  AdmittedBytes& operator=(const AdmittedBytes&) = delete;
  ~AdmittedBytes() { admission_.Release(bytes_); }

 private:
  Admission& admission_;
  const size_t bytes_;
};

}  // namespace stillwatch::ingest
