// A ParallelFor with real threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace stillwatch::detector {

// Takes the numbers in turn by four threads.
inline void FourThreadsFor(size_t count, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (size_t number = next++; number < count; number = next++) body(number);
    });
  }
}

}  // namespace stillwatch::detector
