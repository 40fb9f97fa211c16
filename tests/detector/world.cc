#include "tests/detector/world.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <numeric>
#include <random>
#include <string>

namespace stillwatch::detector {
namespace {

struct Names {
  std::deque<std::string> texts;

  std::string_view Keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

struct Kind {
  const char* name;
  int first;      // Number of its first account.
  int per_mille;  // Share of all events.
};
// In the order of the accounts' numbers.
constexpr Kind kKinds[] = {{"chat", 0, 350}, {"app", 140, 400}, {"harvester", 180, 205}, {"logit", 195, 45}};

// Writes the rows of a batch, one event after the other.
class Writer {
 public:
  Writer(uint64_t seed, UsageBatch& batch, Names& names) : random_(seed), batch_(batch), names_(names) {
    for (const Kind& kind : kKinds) {
      const int end = &kind + 1 == std::end(kKinds) ? int{kWorldAccountCount} : (&kind + 1)->first;
      for (int i = kind.first; i < end; ++i) {
        const std::string number = std::to_string(i);
        accounts_.push_back(names_.Keep(std::string(kind.name) + "-" + number));
        organizations_.push_back(i % 3 == 0 ? std::string_view() : names_.Keep("organization-" + number));
      }
    }
  }

  void Add(int64_t time_unix_nano) {
    const size_t row = batch_.AddRow();
    const int draw = Below(1000);
    size_t kind = 0;
    for (int sum = kKinds[0].per_mille; draw >= sum; sum += kKinds[++kind].per_mille) {
    }
    const int end = kind + 1 == std::size(kKinds) ? int{kWorldAccountCount} : kKinds[kind + 1].first;
    const auto account = static_cast<size_t>(kKinds[kind].first + Below(end - kKinds[kind].first));
    batch_.SetText(row, TextField::kEventId, names_.Keep("event-" + std::to_string(random_())));
    batch_.SetText(row, TextField::kAccountId, accounts_[account]);
    if (!organizations_[account].empty()) batch_.SetText(row, TextField::kOrganizationId, organizations_[account]);
    Set(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(time_unix_nano));
    Set(row, NumberField::kDurationMs, static_cast<uint64_t>(500 + Below(8000)));
    Set(row, NumberField::kStatusCode, Below(50) == 0 ? 429 : 200);
    switch (kind) {
      case 0:
        return AddChat(row);
      case 1:
        return AddApplication(row, account);
      case 2:
        return AddHarvester(row, account);
      default:
        return AddLogitThief(row, account);
    }
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }
  void Set(size_t row, NumberField field, uint64_t value) { batch_.SetNumber(row, field, value); }
  void SetTokens(size_t row, int input, int output) {
    Set(row, NumberField::kInputTokens, static_cast<uint64_t>(input + Below(input)));
    Set(row, NumberField::kOutputTokens, static_cast<uint64_t>(output + Below(output)));
  }
  void SetContent(size_t row, uint64_t prompt, uint64_t head, uint64_t markers) {
    Set(row, NumberField::kPromptHash, prompt | 1);
    Set(row, NumberField::kTemplateHash, head | 1);
    Set(row, NumberField::kHeadHash, head | 1);
    Set(row, NumberField::kMarkers, markers);
  }
  uint64_t RareMarker() { return Below(60) == 0 ? uint64_t{1} << Below(6) : 0; }

  void AddChat(size_t row) {
    batch_.SetText(row, TextField::kConversationId, names_.Keep("conversation-" + std::to_string(Below(1000))));
    SetContent(row, random_(), random_(), RareMarker());
    SetTokens(row, 400, 150);
    Set(row, NumberField::kMessageCount, static_cast<uint64_t>(1 + Below(9)));
  }
  void AddApplication(size_t row, size_t account) {
    SetContent(row, random_(), account * 7919, RareMarker());
    SetTokens(row, 900, 100);
    Set(row, NumberField::kMessageCount, 1);
    Set(row, NumberField::kTemperature, std::bit_cast<uint64_t>(0.0));
  }
  void AddHarvester(size_t row, size_t account) {
    // A third of the prompts comes several times; the strength differs from account to account.
    const uint64_t prompt = Below(3) == 0 ? account * 1000 + static_cast<uint64_t>(Below(4)) : random_();
    const bool is_marked = Below(100) < static_cast<int>(10 + (account - 180) * 5);
    SetContent(row, prompt, account * 104'729, is_marked ? 1 : 0);
    SetTokens(row, 150, 700);
    Set(row, NumberField::kMessageCount, 1);
    // The last few also read off probabilities, so that evidence comes from several families.
    if (account >= 190 && Below(3) == 0) SetLogit(row, account);
  }
  void SetLogit(size_t row, size_t account) {
    SetContent(row, account * 1000 + static_cast<uint64_t>(Below(5)), account, 0);
    Set(row, NumberField::kLogitBiasCount, static_cast<uint64_t>(1 + Below(300)));
    Set(row, NumberField::kTopLogprobs, 5);
  }
  void AddLogitThief(size_t row, size_t account) {
    SetLogit(row, account);
    SetTokens(row, 50, 1);
    Set(row, NumberField::kMessageCount, 1);
  }

  std::mt19937_64 random_;
  UsageBatch& batch_;
  Names& names_;
  std::vector<std::string_view> accounts_;
  std::vector<std::string_view> organizations_;
};

}  // namespace

World MakeWorld(uint64_t seed, size_t event_count) {
  std::mt19937_64 random(seed);
  std::vector<int64_t> times(event_count);
  for (int64_t& time : times) time = kWorldStart + static_cast<int64_t>(random() % (3 * kNanosecondsPerDay));
  std::sort(times.begin(), times.end());
  for (size_t i = 20; i < event_count; i += 20) times[i] = times[i - 1];
  const auto names = std::make_shared<Names>();
  UsageBatch batch;
  Writer writer(seed, batch, *names);
  for (const int64_t time : times) writer.Add(time);
  batch.KeepAlive(names);
  return {std::make_shared<const UsageBatch>(std::move(batch))};
}

std::vector<size_t> TimeOrder(const World& world) {
  std::vector<size_t> order(world.size());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::vector<size_t> ShuffledOrder(const World& world, int64_t lateness_nano, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int64_t> arrival;
  for (size_t row = 0; row < world.size(); ++row) {
    arrival.push_back(world.events->time_unix_nano(row) +
                      static_cast<int64_t>(random() % static_cast<uint64_t>(lateness_nano)));
  }
  std::vector<size_t> order = TimeOrder(world);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return arrival[a] < arrival[b]; });
  return order;
}

std::shared_ptr<const UsageBatch> MakeBatch(const World& world, std::span<const size_t> rows) {
  auto batch = std::make_shared<UsageBatch>();
  for (const size_t row : rows) batch->AppendRow(*world.events, row);
  batch->KeepAlive(world.events);
  return batch;
}

AccountProfile MakeProfile(std::string account_id, std::string organization_id, std::string plan) {
  AccountProfile profile;
  profile.account_id = std::move(account_id);
  profile.organization_id = std::move(organization_id);
  profile.plan = std::move(plan);
  return profile;
}

void OfferRows(ScoringEngine& engine, const World& world, std::span<const size_t> order, size_t batch_size) {
  for (size_t begin = 0; begin < order.size(); begin += batch_size) {
    ObservedBatch batch = Observe(MakeBatch(world, order.subspan(begin, std::min(batch_size, order.size() - begin))));
    batch.first_sequence = begin;
    engine.Offer({&batch, 1});
  }
}

}  // namespace stillwatch::detector
