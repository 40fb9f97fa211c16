// All sequences of a list of phrases as one graph, compact enough to stay in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "features/phrase_list.h"
#include "features/word_list.h"

namespace stillwatch::features {

// Leads from word to word: a tree of all sequences, in which nodes from which the same follows are one.
// Threading: const methods from any thread.
class PhraseTree {
 public:
  static constexpr uint32_t kRoot = 0;

  // A part of a phrase that ends at a node.
  struct Ending {
    uint32_t phrase = 0;
    uint32_t part = 0;
    auto operator<=>(const Ending&) const = default;
  };
  struct Node {
    uint32_t first_ending = 0;
    uint16_t ending_count = 0;
    bool has_edges = false;
    bool has_number_edge = false;
    bool has_any_edge = false;
  };
  struct Edge {
    uint32_t target = 0;
    uint16_t before = 0;  // Marks that must stand at the word: numbers for Marks.
    uint16_t behind = 0;
  };

  explicit PhraseTree(const std::vector<Phrase>& phrases);

  const Node& node(uint32_t number) const { return nodes_[number]; }
  std::span<const Ending> endings(const Node& node) const {
    return std::span(endings_).subspan(node.first_ending, node.ending_count);
  }
  // By a word of this hash; by a number, or any word, with these instead.
  std::span<const Edge> EdgesFrom(uint32_t node, uint64_t word_hash) const {
    const uint64_t key = KeyOf(node, word_hash);
    const size_t mask = slots_.size() - 1;
    size_t slot = FirstSlot(key) & mask;
    while (slots_[slot].key != key && slots_[slot].key != 0) slot = (slot + 1) & mask;
    return std::span(edges_).subspan(slots_[slot].first_edge, slots_[slot].edge_count);
  }
  static constexpr uint64_t kNumberHash = 0x6E756D626572;
  static constexpr uint64_t kAnyHash = 0x616E79;

  bool MarksMatch(const Edge& edge, const WordList& words, size_t word) const {
    return (edge.before | edge.behind) == 0 || AllMarksMatch(edge, words, word);
  }

 private:
  struct Slot {
    uint64_t key = 0;  // 0 is a free slot.
    uint32_t first_edge = 0;
    uint32_t edge_count = 0;
  };
  class Builder;

  static uint64_t KeyOf(uint32_t node, uint64_t word_hash) {
    const uint64_t key = word_hash ^ node * 0xD6E8FEB86659FD93;
    return key == 0 ? 1 : key;
  }
  static size_t FirstSlot(uint64_t key) { return key >> 24; }
  bool AllMarksMatch(const Edge& edge, const WordList& words, size_t word) const;

  std::vector<Node> nodes_;
  std::vector<Ending> endings_;
  std::vector<Edge> edges_;
  std::vector<Slot> slots_;  // A hash table with linear probing over the edges of each node and word.
  std::vector<std::string> marks_;
};

}  // namespace stillwatch::features
