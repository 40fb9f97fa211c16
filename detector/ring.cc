#include "detector/ring.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "detector/fusion.h"
#include "detector/shared_objects.h"

namespace stillwatch::detector {
namespace {

constexpr int64_t kWindowBinsMax = 3;
constexpr size_t kWindowCountMin = 3;
// Bins before and after the window in which others of the ring may have begun, and the part that began in each.
constexpr int64_t kMarginBins = 2;
constexpr double kShareOfMarginBin = 0.05;
// Newcomers of other hours by which traits are judged: more say little more; fewer than the second say too little.
constexpr size_t kStrangersMax = 2048;
constexpr size_t kStrangersMin = 30;
// Log-odds of its own below which an account joins nobody.
constexpr double kOwnEvidenceMin = 1.0;
constexpr double kBelongsMin = 0.5;
// Of expectation and maximisation: shares settle within a few.
constexpr int kRounds = 10;
// No member is surer at first.
constexpr float kShareMax = 0.9F;

constexpr std::initializer_list<ObjectKind> kContentKinds = {ObjectKind::kSystem, ObjectKind::kHead,
                                                             ObjectKind::kPrompt};
constexpr std::initializer_list<ObjectKind> kInfrastructureKinds = {ObjectKind::kPayment, ObjectKind::kSignup,
                                                                    ObjectKind::kAddress};

// What an account has of a group's.
struct Traits {
  bool parameters = false;
  bool content = false;
  bool client = false;
  bool infrastructure = false;
};

// How often something is met, smoothed: nothing is certain of a few.
double Smoothed(double count, double total) { return (count + 0.5) / (total + 1); }

// What the accounts of a group have in common.
class CommonTraits {
 public:
  CommonTraits(std::span<const CampaignCandidate> candidates, const LinkGroup& group)
      : holders_min_(std::max<size_t>(2, (group.size() + 2) / 3)) {
    absl::flat_hash_map<uint64_t, size_t> parameter_counts;
    for (const GroupMember& member : group) {
      const CampaignCandidate& account = candidates[member.index];
      const StateView state = account.State();
      VisitObjects(account, *state, ObjectKind::kParameters, [&](uint64_t hash) { ++parameter_counts[hash]; });
      VisitObjects(account, *state, ObjectKind::kClient, [&](uint64_t hash) { ++clients_[hash]; });
      Visit(account, *state, kContentKinds, [&](uint64_t hash) { ++content_[hash]; });
      Visit(account, *state, kInfrastructureKinds, [&](uint64_t hash) { ++infrastructure_[hash]; });
    }
    size_t most = 0;
    for (const auto& [hash, count] : parameter_counts) {
      if (count < most || (count == most && hash > parameters_)) continue;
      most = count;
      parameters_ = hash;
    }
  }

  // Texts and clients count if a third of the group has them, since two strangers in it may use one application; cards
  // and the like if anybody else in it has them.
  Traits Of(const CampaignCandidate& account, bool is_member) const {
    Traits out;
    const size_t holders_min = is_member ? 2 : 1;
    const StateView state = account.State();
    VisitObjects(account, *state, ObjectKind::kParameters,
                 [&](uint64_t hash) { out.parameters |= hash == parameters_; });
    VisitObjects(account, *state, ObjectKind::kClient,
                 [&](uint64_t hash) { out.client |= CountOf(clients_, hash) >= holders_min_; });
    Visit(account, *state, kContentKinds,
          [&](uint64_t hash) { out.content |= CountOf(content_, hash) >= holders_min_; });
    Visit(account, *state, kInfrastructureKinds,
          [&](uint64_t hash) { out.infrastructure |= CountOf(infrastructure_, hash) >= holders_min; });
    return out;
  }

 private:
  using Counts = absl::flat_hash_map<uint64_t, size_t>;

  static size_t CountOf(const Counts& counts, uint64_t hash) {
    const auto found = counts.find(hash);
    return found == counts.end() ? 0 : found->second;
  }

  template <typename Body>
  static void Visit(const CampaignCandidate& account, const LiveState& state, std::initializer_list<ObjectKind> kinds,
                    const Body& body) {
    for (const ObjectKind kind : kinds) VisitObjects(account, state, kind, body);
  }

  const size_t holders_min_;
  Counts content_;
  Counts clients_;
  Counts infrastructure_;
  uint64_t parameters_ = 0;
};

// How often the members of a group have its traits, each by itself.
class MemberTraits {
 public:
  void Add(const Traits& traits, double weight) {
    parameters_ += traits.parameters ? weight : 0;
    content_ += traits.content ? weight : 0;
    client_ += traits.client ? weight : 0;
    infrastructure_ += traits.infrastructure ? weight : 0;
    total_ += weight;
  }
  double Likelihood(const Traits& traits) const {
    const double parameters = Smoothed(parameters_, total_);
    return (traits.parameters ? parameters : 1 - parameters) * LikelihoodGivenParameters(traits);
  }
  double LikelihoodGivenParameters(const Traits& traits) const {
    const auto one = [this](bool has, double count) {
      const double share = Smoothed(count, total_);
      return has ? share : 1 - share;
    };
    return one(traits.content, content_) * one(traits.client, client_) * one(traits.infrastructure, infrastructure_);
  }

 private:
  double parameters_ = 0;
  double content_ = 0;
  double client_ = 0;
  double infrastructure_ = 0;
  double total_ = 0;
};

// How often strangers have them, by weight: parameters, texts and client together, since users of one application have
// all of it.
class StrangerTraits {
 public:
  void Add(const Traits& traits, double weight) {
    work_[WorkOf(traits)] += weight;
    infrastructure_ += traits.infrastructure ? weight : 0;
    total_ += weight;
  }
  double Likelihood(const Traits& traits) const {
    return Smoothed(work_[WorkOf(traits)], total_) * OfInfrastructure(traits);
  }
  double LikelihoodGivenParameters(const Traits& traits) const {
    double same_parameters = 0;
    for (size_t work = 0; work < work_.size(); ++work) {
      if (work % 2 == WorkOf(traits) % 2) same_parameters += work_[work];
    }
    return Smoothed(work_[WorkOf(traits)], same_parameters) * OfInfrastructure(traits);
  }

 private:
  static size_t WorkOf(const Traits& traits) {
    return (traits.parameters ? 1U : 0U) + (traits.content ? 2U : 0U) + (traits.client ? 4U : 0U);
  }
  double OfInfrastructure(const Traits& traits) const {
    const double share = Smoothed(infrastructure_, total_);
    return traits.infrastructure ? share : 1 - share;
  }

  std::array<double, 8> work_{};  // By parameters, content and client.
  double infrastructure_ = 0;
  double total_ = 0;
};

double ProbabilityOf(double odds) { return odds / (1 + odds); }

}  // namespace

RingSearch::RingSearch(std::span<const CampaignCandidate> candidates, const Baseline& baseline)
    : candidates_(candidates), baseline_(baseline), first_known_(FirstKnownOnset(candidates)) {
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].first_bin < first_known_) continue;
    newcomers_.push_back({candidates[i].first_bin, i, 0});
  }
  std::stable_sort(newcomers_.begin(), newcomers_.end(),
                   [](const Newcomer& x, const Newcomer& y) { return x.bin < y.bin; });
  for (Newcomer& newcomer : newcomers_) {
    newcomer.weight_before = weight_;
    weight_ += static_cast<double>(candidates[newcomer.index].weight);
  }
}

std::optional<OnsetWindow> RingSearch::WindowOf(const LinkGroup& group) const {
  std::vector<int64_t> bins;
  for (const GroupMember& member : group) {
    if (candidates_[member.index].first_bin >= first_known_) bins.push_back(candidates_[member.index].first_bin);
  }
  std::sort(bins.begin(), bins.end());
  OnsetWindow best;
  for (size_t begin = 0; begin < bins.size(); ++begin) {
    const auto end = std::lower_bound(bins.begin(), bins.end(), bins[begin] + kWindowBinsMax);
    const auto count = static_cast<size_t>(end - bins.begin()) - begin;
    if (count > best.count) best = {bins[begin], *(end - 1) + 1, count};
  }
  if (best.count < kWindowCountMin || 2 * best.count < group.size()) return std::nullopt;
  return best;
}

double RingSearch::WeightIn(int64_t begin_bin, int64_t end_bin) const {
  const auto weight_before = [this](int64_t bin) {
    const auto at = std::lower_bound(newcomers_.begin(), newcomers_.end(), bin,
                                     [](const Newcomer& newcomer, int64_t limit) { return newcomer.bin < limit; });
    return at == newcomers_.end() ? weight_ : at->weight_before;
  };
  return std::max(weight_before(end_bin) - weight_before(begin_bin), 1.0);
}

double RingSearch::ShareOf(const OnsetWindow& window) const {
  const int64_t first_day_end = EndOfFirstDay(first_known_);
  const double of_its_time = window.begin_bin < first_day_end
                                 ? WeightIn(first_known_, std::max(first_day_end, window.end_bin))
                                 : WeightIn(first_day_end, std::numeric_limits<int64_t>::max());
  return WeightIn(window.begin_bin, window.end_bin) / of_its_time;
}

double RingSearch::ExpectedIn(const LinkGroup& group, const OnsetWindow& window) const {
  return static_cast<double>(group.size()) * ShareOf(window);
}

double RingSearch::OnsetRatio(const LinkGroup& group, const OnsetWindow& window) const {
  // The first of them chose the window.
  const auto others = static_cast<double>(group.size()) - 1;
  const double share = (static_cast<double>(window.count) - 1) / others;
  const double expected = ShareOf(window);
  return std::max(0.0, others * BinomialDivergence(share, expected) - std::log(others + 1));
}

LinkGroup RingSearch::Complete(const LinkGroup& group, const OnsetWindow& window, bool is_by_onset,
                               const std::vector<bool>& is_grouped) const {
  const int64_t begin_bin = window.begin_bin - kMarginBins;
  const int64_t end_bin = window.end_bin + kMarginBins;
  const auto is_near = [&](const Newcomer& newcomer) { return newcomer.bin >= begin_bin && newcomer.bin < end_bin; };
  std::vector<uint32_t> strangers;
  for (const Newcomer& newcomer : newcomers_) {
    if (!is_near(newcomer)) strangers.push_back(newcomer.index);
  }
  if (strangers.size() < kStrangersMin) return group;
  const CommonTraits common(candidates_, group);
  StrangerTraits others;
  const size_t step = strangers.size() / kStrangersMax + 1;
  for (size_t i = 0; i < strangers.size(); i += step) {
    const CampaignCandidate& stranger = candidates_[strangers[i]];
    others.Add(common.Of(stranger, false), static_cast<double>(stranger.weight));
  }
  std::vector<Traits> traits;
  for (const GroupMember& member : group) traits.push_back(common.Of(candidates_[member.index], true));
  LinkGroup out = group;
  const auto members = [&] {
    MemberTraits sums;
    for (size_t i = 0; i < group.size(); ++i) sums.Add(traits[i], static_cast<double>(out[i].share));
    return sums;
  };
  for (int round = 0; is_by_onset && round < kRounds; ++round) {
    const MemberTraits ours = members();
    for (size_t i = 0; i < group.size(); ++i) {
      const auto share = static_cast<double>(std::min(group[i].share, kShareMax));
      out[i].share = static_cast<float>(ProbabilityOf(share / (1 - share) * ours.LikelihoodGivenParameters(traits[i]) /
                                                      others.LikelihoodGivenParameters(traits[i])));
    }
  }
  const MemberTraits ours = members();
  std::erase_if(out, [](const GroupMember& member) { return static_cast<double>(member.share) < kBelongsMin; });
  // Half as many more as there are may be missing.
  const double missing = std::max(1.0, static_cast<double>(out.size()) / 2);
  const double in_window = (1 - 2 * static_cast<double>(kMarginBins) * kShareOfMarginBin) /
                           static_cast<double>(window.end_bin - window.begin_bin);
  for (const Newcomer& newcomer : newcomers_) {
    if (!is_near(newcomer) || is_grouped[newcomer.index]) continue;
    const CampaignCandidate& account = candidates_[newcomer.index];
    const Traits its = common.Of(account, false);
    const bool is_inside = newcomer.bin >= window.begin_bin && newcomer.bin < window.end_bin;
    // Of all who began in its bin, so many are expected to belong.
    const double prior =
        missing * (is_inside ? in_window : kShareOfMarginBin) / WeightIn(newcomer.bin, newcomer.bin + 1);
    const double belongs = ProbabilityOf(prior * ours.Likelihood(its) / others.Likelihood(its));
    if (belongs < kBelongsMin) continue;
    const auto is_declared = [&](const GroupMember& member) {
      return AreDeclaredTogether(account, candidates_[member.index]);
    };
    if (std::any_of(group.begin(), group.end(), is_declared)) continue;
    const Assessment own = Assess(account.State()->portrait, baseline_, Label::kUnlabelled);
    if (own.log_odds - kBaseLogOdds < kOwnEvidenceMin) continue;
    out.push_back({newcomer.index, static_cast<float>(belongs)});
  }
  std::sort(out.begin(), out.end(), [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
  return out;
}

}  // namespace stillwatch::detector
