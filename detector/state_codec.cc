#include "detector/state_codec.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace stillwatch::detector {
namespace {

// Zeros are dropped twice: from the state, and from the masks that say where they were, since whole words are zero.
constexpr size_t kBlockCount = sizeof(LiveState) / kZeroBlockBytes;
static_assert(sizeof(LiveState) % kZeroBlockBytes == 0);
constexpr size_t kMasksPerBlock = kZeroBlockBytes / sizeof(uint64_t);
constexpr size_t kMaskBlockCount = (kBlockCount + kMasksPerBlock - 1) / kMasksPerBlock;
using Masks = std::array<uint64_t, kMaskBlockCount * kMasksPerBlock>;  // Filled up with zeros.
using MaskMasks = std::array<uint64_t, kMaskBlockCount>;
static_assert(sizeof(MaskMasks) + sizeof(Masks) + sizeof(LiveState) <= kPackedStateBytesMax);

const uint8_t* BytesOf(const void* data) { return static_cast<const uint8_t*>(data); }

}  // namespace

const StatePacking& StatePacking::Best() {
  static const StatePacking kBest = __builtin_cpu_supports("avx512vbmi2") != 0 && __builtin_cpu_supports("avx512bw") != 0
                                        ? StatePacking{DropZeroBytesAvx512, PutBackZeroBytesAvx512, CountMaskOnesAvx512}
                                        : StatePacking{};
  return kBest;
}

void AppendState(const LiveState& state, std::string& out, const StatePacking& packing) {
  Masks masks{};
  MaskMasks mask_masks;
  std::array<uint8_t, sizeof(LiveState) + kZeroBlockBytes> bytes;
  std::array<uint8_t, sizeof(Masks) + kZeroBlockBytes> mask_bytes;
  const size_t byte_count = packing.drop(BytesOf(&state), kBlockCount, masks.data(), bytes.data());
  const size_t mask_byte_count =
      packing.drop(BytesOf(masks.data()), kMaskBlockCount, mask_masks.data(), mask_bytes.data());
  out.append(reinterpret_cast<const char*>(mask_masks.data()), sizeof(mask_masks));
  out.append(reinterpret_cast<const char*>(mask_bytes.data()), mask_byte_count);
  out.append(reinterpret_cast<const char*>(bytes.data()), byte_count);
}

bool ReadState(std::string_view bytes, LiveState& state, const StatePacking& packing) {
  MaskMasks mask_masks;
  if (bytes.size() < sizeof(mask_masks)) return false;
  std::memcpy(mask_masks.data(), bytes.data(), sizeof(mask_masks));
  bytes.remove_prefix(sizeof(mask_masks));
  const size_t mask_byte_count = packing.count_ones(mask_masks.data(), mask_masks.size());
  if (bytes.size() < mask_byte_count) return false;
  Masks masks;
  packing.put_back(mask_masks.data(), kMaskBlockCount, BytesOf(bytes.data()),
                   reinterpret_cast<uint8_t*>(masks.data()));
  bytes.remove_prefix(mask_byte_count);
  const bool is_longer = std::any_of(masks.begin() + kBlockCount, masks.end(), [](uint64_t mask) { return mask != 0; });
  if (is_longer || packing.count_ones(masks.data(), masks.size()) != bytes.size()) return false;
  packing.put_back(masks.data(), kBlockCount, BytesOf(bytes.data()), reinterpret_cast<uint8_t*>(&state));
  return true;
}

}  // namespace stillwatch::detector
