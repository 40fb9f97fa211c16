// Work on many items by several threads.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <vector>

namespace stillwatch::detector {

// Calls body(0) … body(count − 1), possibly at the same time, and returns when all have returned.
using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& body)>;
void SerialFor(size_t count, const std::function<void(size_t)>& body);

// Slices that many small items are worked on in: several a thread, so that all threads end about together.
inline constexpr size_t kSliceCount = 32;

// Calls body(slice, i) for each i below `count`; calls of one slice come one after the other, in order.
template <typename Body>
void ForSlices(const ParallelFor& parallel_for, size_t count, const Body& body) {
  parallel_for(kSliceCount, [&](size_t slice) {
    const size_t end = (slice + 1) * count / kSliceCount;
    for (size_t i = slice * count / kSliceCount; i < end; ++i) body(slice, i);
  });
}

// Calls body(i, out) for each i below `count` and returns all that they appended, in the order of i.
template <typename T, typename Body>
std::vector<T> Gather(const ParallelFor& parallel_for, size_t count, const Body& body) {
  std::array<std::vector<T>, kSliceCount> parts;
  ForSlices(parallel_for, count, [&](size_t slice, size_t i) { body(i, parts[slice]); });
  std::vector<T> out;
  for (std::vector<T>& part : parts) {
    out.insert(out.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return out;
}

}  // namespace stillwatch::detector
