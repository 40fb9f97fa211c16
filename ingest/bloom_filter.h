// A set of event ids that sometimes says yes where the answer is no.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "ingest/huge_pages.h"
#include "storage/event_id_index.h"

namespace stillwatch::ingest {

// A split block Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007; laid
// out as in Apache Parquet's specification): a question touches one half of a cache line. At 16 bits an id and full it
// is wrong about once in a thousand questions for ids that it does not hold, and never for one that it does. Ids in
// order go to its blocks in order, so that to fill it is one pass through memory.
// Threading: one thread adds while others ask; those see an id at the latest when they are told of it by other means.
// Limits: takes more than `capacity` ids, and is wrong more often then.
class BloomFilter {
 public:
  explicit BloomFilter(size_t capacity)
      : capacity_(capacity), blocks_(BlockCount(capacity), MemoryFor(BlockCount(capacity) * sizeof(Block))) {}

  void Add(std::span<const storage::EventIdHash> ids) {
    AddOfPart(ids);
    CountAdded(ids.size());
  }
  // Ids of different parts, each of as many slots, may be added by different threads at the same time; they are counted
  // afterwards.
  static constexpr size_t kPartCount = 64;
  void AddOfPart(std::span<const storage::EventIdHash> ids) {
    for (const storage::EventIdHash& id : ids) {
      Block& block = blocks_[BlockOf(id)];
      const uint32_t bits = BitsOf(id);
      for (size_t i = 0; i < block.words.size(); ++i) {
        // No other thread writes to this block.
        const uint32_t word = block.words[i].load(std::memory_order_relaxed);
        block.words[i].store(word | MaskOf(bits, i), std::memory_order_relaxed);
      }
    }
  }
  void CountAdded(size_t count) { size_ += count; }
  bool MayContain(const storage::EventIdHash& id) const {
    const Block& block = blocks_[BlockOf(id)];
    const uint32_t bits = BitsOf(id);
    // Without a branch for each word, which would be guessed wrong.
    uint32_t missing = 0;
    for (size_t i = 0; i < block.words.size(); ++i) {
      missing |= MaskOf(bits, i) & ~block.words[i].load(std::memory_order_relaxed);
    }
    return missing == 0;
  }
  // Starts to fetch what MayContain will look at. GCC drops calls of a function of nothing but __builtin_prefetch.
  void Prefetch(const storage::EventIdHash& id) const {
    asm volatile("prefetcht0 %0" : : "m"(*reinterpret_cast<const char*>(&blocks_[BlockOf(id)])));
  }

  // For the thread that adds.
  size_t free_count() const { return size_ < capacity_ ? capacity_ - size_ : 0; }

 private:
  static constexpr size_t kBitsPerId = 16;
  struct alignas(32) Block {
    std::array<std::atomic<uint32_t>, 8> words{};
  };

  // As many for each part.
  static size_t BlockCount(size_t capacity) {
    return (capacity * kBitsPerId / (8 * sizeof(Block)) / kPartCount + 1) * kPartCount;
  }
  // The first 64 bits of the id, scaled to the number of blocks.
  size_t BlockOf(const storage::EventIdHash& id) const {
    constexpr int kBitsBehind = storage::kEventIdRestBits + 16 - 64;
    const uint64_t first = static_cast<uint64_t>(id.slot) << 48 | id.rest >> kBitsBehind;
    return static_cast<size_t>((static_cast<unsigned __int128>(first) * blocks_.size()) >> 64);
  }
  // Of bits that do not choose the block.
  static uint32_t BitsOf(const storage::EventIdHash& id) { return static_cast<uint32_t>(id.rest); }
  static uint32_t MaskOf(uint32_t bits, size_t word) {
    constexpr std::array<uint32_t, 8> kSalts = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                                0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
    return uint32_t{1} << ((bits * kSalts[word]) >> 27);
  }

  size_t capacity_;
  size_t size_ = 0;
  std::pmr::vector<Block> blocks_;
};

}  // namespace stillwatch::ingest
