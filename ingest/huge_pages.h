// Memory for large tables that are read here and there.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <new>

namespace stillwatch::ingest {

// Allocates in huge pages where the system grants them, since with usual ones nearly every look-up would also miss the
// processor's table of pages. Only for what takes megabytes: each allocation is rounded up to whole huge pages.
class HugePages final : public std::pmr::memory_resource {
 public:
  static HugePages* Instance() {
    static HugePages pages;
    return &pages;
  }

 private:
  static constexpr size_t kPageBytes = size_t{2} << 20;

  void* do_allocate(size_t byte_count, size_t) override {
    const size_t rounded = (byte_count + kPageBytes - 1) / kPageBytes * kPageBytes;
    void* const memory = std::aligned_alloc(kPageBytes, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    (void)!madvise(memory, rounded, MADV_HUGEPAGE);  // A request.
    return memory;
  }
  void do_deallocate(void* memory, size_t, size_t) override { std::free(memory); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

// For a table of so many bytes.
inline std::pmr::memory_resource* MemoryFor(size_t byte_count) {
  constexpr size_t kLarge = size_t{2} << 20;
  return byte_count >= kLarge ? static_cast<std::pmr::memory_resource*>(HugePages::Instance())
                              : std::pmr::new_delete_resource();
}

}  // namespace stillwatch::ingest
