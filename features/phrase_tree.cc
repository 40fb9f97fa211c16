#include "features/phrase_tree.h"

#include <algorithm>
#include <bit>
#include <map>
#include <string_view>
#include <tuple>

namespace stillwatch::features {
namespace {

uint64_t HashOf(const PhraseWord& word) {
  return word.is_number ? PhraseTree::kNumberHash : word.is_any ? PhraseTree::kAnyHash : word.hash;
}

}  // namespace

// Grows the tree, then merges it bottom up.
class PhraseTree::Builder {
 public:
  Builder(PhraseTree& tree, const std::vector<Phrase>& phrases) : tree_(tree), grown_(1) {
    tree_.marks_.emplace_back();  // Number 0: no mark.
    for (uint32_t phrase = 0; phrase < phrases.size(); ++phrase) {
      for (uint32_t part = 0; part < phrases[phrase].parts.size(); ++part) {
        for (const PhraseSequence& sequence : phrases[phrase].parts[part]) Add(sequence, {phrase, part});
      }
    }
  }

  void Finish() {
    tree_.nodes_.resize(1);
    tree_.nodes_[kRoot] = Finish(kRoot).second;
    MakeTable();
  }

 private:
  using Step = std::tuple<uint64_t, uint16_t, uint16_t>;  // Hash of the word, marks before and behind.
  struct Grown {
    std::map<Step, uint32_t> steps;
    std::vector<Ending> endings;
  };
  using Content = std::pair<std::map<Step, uint32_t>, std::vector<Ending>>;

  uint16_t MarkNumber(const std::string& mark) {
    const auto found = std::find(tree_.marks_.begin(), tree_.marks_.end(), mark);
    if (found == tree_.marks_.end()) tree_.marks_.push_back(mark);
    return static_cast<uint16_t>(std::find(tree_.marks_.begin(), tree_.marks_.end(), mark) - tree_.marks_.begin());
  }

  void Add(const PhraseSequence& sequence, Ending ending) {
    uint32_t node = kRoot;
    for (const PhraseWord& word : sequence) {
      const Step step(HashOf(word), MarkNumber(word.before), MarkNumber(word.behind));
      const auto [place, is_new] = grown_[node].steps.try_emplace(step, static_cast<uint32_t>(grown_.size()));
      node = place->second;
      if (is_new) grown_.emplace_back();
    }
    grown_[node].endings.push_back(ending);
  }

  // What a grown node leads to, with merged nodes for its targets, and the node that this makes.
  std::pair<Content, Node> Finish(uint32_t grown) {
    Content content;
    content.second = grown_[grown].endings;
    std::sort(content.second.begin(), content.second.end());
    Node node;
    for (const auto& [step, target] : grown_[grown].steps) {
      content.first[step] = Merge(target);
      node.has_edges = true;
      node.has_number_edge |= std::get<0>(step) == kNumberHash;
      node.has_any_edge |= std::get<0>(step) == kAnyHash;
    }
    node.first_ending = static_cast<uint32_t>(tree_.endings_.size());
    node.ending_count = static_cast<uint16_t>(content.second.size());
    if (grown == kRoot) steps_from_[kRoot] = content.first;
    return {std::move(content), node};
  }

  // The number of the node that stands for this one and all like it.
  uint32_t Merge(uint32_t grown) {
    auto [content, node] = Finish(grown);
    const auto [place, is_new] = merged_.try_emplace(content, static_cast<uint32_t>(tree_.nodes_.size()));
    if (is_new) {
      node.first_ending = static_cast<uint32_t>(tree_.endings_.size());
      tree_.endings_.insert(tree_.endings_.end(), content.second.begin(), content.second.end());
      tree_.nodes_.push_back(node);
      steps_from_[place->second] = content.first;
    }
    return place->second;
  }

  void MakeTable() {
    size_t step_count = 0;
    for (const auto& [node, steps] : steps_from_) step_count += steps.size();
    tree_.slots_.resize(std::bit_ceil(2 * step_count + 1));
    for (const auto& [node, steps] : steps_from_) {
      for (const auto& [step, target] : steps) AddEdge(node, step, target);
    }
  }

  // The steps of a node come in order of their words, so those of one word make neighbours.
  void AddEdge(uint32_t node, const Step& step, uint32_t target) {
    const uint64_t key = KeyOf(node, std::get<0>(step));
    const size_t mask = tree_.slots_.size() - 1;
    size_t at = FirstSlot(key) & mask;
    while (tree_.slots_[at].key != 0 && tree_.slots_[at].key != key) at = (at + 1) & mask;
    Slot& slot = tree_.slots_[at];
    if (slot.key == 0) slot = {key, static_cast<uint32_t>(tree_.edges_.size()), 0};
    ++slot.edge_count;
    tree_.edges_.push_back({target, std::get<1>(step), std::get<2>(step)});
  }

  PhraseTree& tree_;
  std::vector<Grown> grown_;
  std::map<Content, uint32_t> merged_;
  std::map<uint32_t, std::map<Step, uint32_t>> steps_from_;
};

PhraseTree::PhraseTree(const std::vector<Phrase>& phrases) { Builder(*this, phrases).Finish(); }

bool PhraseTree::AllMarksMatch(const Edge& edge, const WordList& words, size_t word) const {
  std::string_view before = words.before(word);
  if (before.ends_with(' ')) before.remove_suffix(1);
  std::string_view behind = words.behind(word);
  if (behind.starts_with(' ')) behind.remove_prefix(1);
  return before.ends_with(marks_[edge.before]) && behind.starts_with(marks_[edge.behind]);
}

}  // namespace stillwatch::features
