#include "deploy/sample/traffic.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "deploy/sample/json_line.h"
#include "deploy/sample/texts.h"

namespace stillwatch::sample {
namespace {

constexpr size_t kAccountsPerHarvester = 5;      // At least, in a small sample.
constexpr size_t kAccountsPerHarvestSet = 5000;  // One of each kind for so many accounts, in a large one.
constexpr size_t kDealStride = 37;               // Prime to the sum of the weights: small samples have all kinds, too.
constexpr uint64_t kAddressCount = 0x1f000;      // Below the last block of the range.
constexpr uint64_t kAddressStride = 331;         // Keeps neighbours out of one address block.
constexpr uint64_t kSharedPromptCount = 8;
constexpr double kFailureShare = 0.01;
constexpr double kQueueJumpShare = 0.1;
constexpr std::array<std::string_view, 6> kCountries = {"DE", "FR", "US", "JP", "BR", "PL"};
constexpr std::array<std::string_view, 3> kMailDomains = {"post.example", "letters.example", "mailbox.example"};

// `format` with `number` in place of its only conversion, a %llu or %llx.
std::string Numbered(const char* format, uint64_t number) {
  char text[48];
  return {text,
          static_cast<size_t>(std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(number)))};
}

// An address of 198.18.0.0/15, the range that is kept for tests.
std::string Address(uint64_t number) {
  return "198." + std::to_string(18 + (number >> 16)) + "." + std::to_string((number >> 8) & 255) + "." +
         std::to_string(number & 255);
}

double MeanEventsPerDay(const Kind& kind) {
  const auto days = std::count(kind.rhythm->days.begin(), kind.rhythm->days.end(), true);
  return kind.starts_per_day * (kind.turns_min + kind.turns_max) * kind.samples * static_cast<double>(days) / 14;
}

// The kinds of all accounts, in random order.
std::vector<const Kind*> DealKinds(size_t account_count, Random& random) {
  std::vector<const Kind*> honest, harvesters, dealt;
  for (const Kind& kind : Kinds()) {
    auto& kinds = kind.harvester ? harvesters : honest;
    kinds.insert(kinds.end(), kind.weight, &kind);
  }
  const size_t sets = 1 + account_count / kAccountsPerHarvestSet;
  const size_t harvester_count = std::min(sets * harvesters.size(), account_count / kAccountsPerHarvester);
  for (size_t i = 0; i < account_count; ++i) {
    const bool harvester = i < harvester_count;
    dealt.push_back(harvester ? harvesters[i % harvesters.size()] : honest[i * kDealStride % honest.size()]);
  }
  for (size_t i = dealt.size(); i > 1; --i) std::swap(dealt[i - 1], dealt[random.Below(i)]);
  return dealt;
}

}  // namespace

// One request of a conversation.
struct Traffic::Turn {
  int64_t time_unix_nano = 0;
  int64_t number = 0;
  bool last = false;
  std::string conversation_id;
  std::string prompt;
  int64_t input_tokens = 0;
};

Traffic::Traffic(const Options& options) : options_(options), random_(options.seed) {
  const auto kinds = DealKinds(options.account_count, random_);
  double events = 0;
  for (const Kind* kind : kinds) events += MeanEventsPerDay(*kind) * static_cast<double>(options.days);
  if (options.event_count > 0 && events > 0) rate_ = static_cast<double>(options.event_count) / events;
  accounts_.reserve(kinds.size());
  std::map<const Kind*, size_t> counts;
  for (size_t i = 0; i < kinds.size(); ++i) {
    AddAccount(*kinds[i], i);
    if (kinds[i]->group_size == 0) continue;
    accounts_[i].group = counts[kinds[i]]++ / kinds[i]->group_size;
    JoinGroup(i);
  }
}

void Traffic::AddAccount(const Kind& kind, size_t number) {
  Account account;
  Random& random = account.random = Random(random_.Next());
  account.kind = &kind;
  account.id = Numbered("acct-%06llu", number);
  account.organization_id = Numbered("org-%06llu", number);
  account.payment = Numbered("card-%012llx", random.Next() >> 16);
  const bool person = kind.plan == "pro";
  account.email_domain = person ? std::string(random.Pick(kMailDomains)) : Numbered("company-%llu.example", number);
  account.address = account.signup_address = Address(number * kAddressStride % kAddressCount);
  account.asn = 64'512 + random.Between(0, person ? 60 : 8);
  account.country = random.Pick(kCountries);
  account.tls_fingerprint =
      Numbered("t13d1516h2_%012llx", Random(kind.user_agent.size() + random.Below(3)).Next() >> 16);
  const int64_t start = kEndSeconds - options_.days * kDaySeconds;
  account.created_seconds = start - random.Between(kind.harvester ? 1 : 30, kind.harvester ? 4 : 700) * kDaySeconds;
  account.new_model_seconds = kReleaseSeconds + random.Between(1, kind.harvester ? 6 : 240) * kHourSeconds;
  account.model = kOldModel;
  if (!kind.harvester && random.Chance(0.4)) {
    account.model = kSmallModel;
    account.new_model_seconds = kEndSeconds + kDaySeconds;
  }
  account.opening = random.Pick(kind.openings);
  account.temperature = static_cast<int>(random.Between(kind.temperature_min / 10, kind.temperature_max / 10)) * 10;
  if (kind.temperature_min < 0) account.temperature = -1;
  if (!kind.timer && !kind.harvester) account.activity = static_cast<double>(random.Between(2, 8)) / 5;
  accounts_.push_back(std::move(account));
}

void Traffic::JoinGroup(size_t number) {
  Account& account = accounts_[number];
  const size_t group = account.group;
  if (!account.kind->harvester) {
    account.organization_id = Numbered("org-school-%llu", group);
    account.email_domain = Numbered("school-%llu.example", group);
    account.payment = Numbered("invoice-%llu", group);
    account.address = account.signup_address = Address(kAddressCount + 0x800 + group % 0x800);
    return;
  }
  if (pools_.size() <= group) pools_.resize(group + 1);
  std::vector<size_t>& members = pools_[group].members;
  account.payment = Numbered("card-shared-%llu", group * 16 + members.size() / 4);
  account.email_domain = "quickbox.example";
  account.address = Address(kAddressCount + (group * 12 + members.size()) * 37 % 0x400);
  account.signup_address = Address(kAddressCount + 0x400 + group * 4 % 0x400 + members.size() % 4);
  account.tls_fingerprint = "t13d1516h2_8daaf6152771";
  members.push_back(number);
}

void Traffic::AppendHour(int64_t hour_seconds, std::vector<TimedLine>& lines) {
  std::vector<Start> starts;
  for (size_t i = 0; i < accounts_.size(); ++i) AppendStarts(i, hour_seconds, starts);
  std::sort(starts.begin(), starts.end());
  for (const Start& start : starts) AppendConversation(accounts_[Sender(start.account)], start.time_millis, lines);
}

void Traffic::AppendStarts(size_t number, int64_t hour_seconds, std::vector<Start>& starts) {
  Account& account = accounts_[number];
  const Kind& kind = *account.kind;
  const size_t hour = hour_seconds / kHourSeconds % 24;
  const size_t weekday = (hour_seconds / kDaySeconds + 4) % 7;  // 1970-01-01 was a Thursday.
  if (!kind.rhythm->days[weekday] || kind.rhythm->hours[hour] == 0) return;
  const double starts_per_day = kind.starts_per_day * rate_ * account.activity;
  const int64_t hour_millis = hour_seconds * 1000;
  if (kind.timer) {
    const int64_t count = std::max<int64_t>(1, static_cast<int64_t>(starts_per_day / 24));
    for (int64_t i = 0; i < count; ++i) starts.push_back({hour_millis + i * kHourSeconds * 1000 / count, number});
    return;
  }
  const double expected = starts_per_day * kind.rhythm->hours[hour] / 1000;
  // Twice as many trials as starts: near enough to Poisson, and without a logarithm.
  const int64_t trials = 2 * (static_cast<int64_t>(expected) + 1);
  for (int64_t i = 0; i < trials; ++i) {
    if (!account.random.Chance(expected / static_cast<double>(trials))) continue;
    starts.push_back({hour_millis + account.random.Between(0, kHourSeconds * 1000 - 1), number});
  }
}

// The account that sends what `number` starts: in a pool the one after the last, unless one jumps the queue.
size_t Traffic::Sender(size_t number) {
  const Account& account = accounts_[number];
  if (!account.kind->harvester || account.kind->group_size == 0) return number;
  Pool& pool = pools_[account.group];
  if (random_.Chance(kQueueJumpShare)) return random_.Pick(pool.members);
  return pool.members[pool.next++ % pool.members.size()];
}

void Traffic::AppendConversation(Account& account, int64_t start_millis, std::vector<TimedLine>& lines) {
  const Kind& kind = *account.kind;
  Random& random = account.random;
  const int64_t day = start_millis / 1000 / kDaySeconds;
  account.series_position = account.series_day == day ? account.series_position + 1 : 0;
  account.series_day = day;
  Random slots(kind.prompts == Prompts::kSeries ? account.series_position
               : kind.prompts == Prompts::kFew  ? random.Below(kSharedPromptCount)
                                                : random.Next());
  const std::string_view opening = kind.one_opening ? account.opening : random.Pick(kind.openings);
  Turn turn{.conversation_id = account.id + "-c" + std::to_string(++account.conversation_count),
            .prompt = options_.text ? Expand(opening, slots) : ""};
  turn.input_tokens = random.Between(kind.context_tokens_min, kind.context_tokens_max) + 30 +
                      static_cast<int64_t>(turn.prompt.size() / 4);
  int64_t time_millis = start_millis;
  const int64_t turns = random.Between(kind.turns_min, kind.turns_max);
  for (int64_t i = 0; i < turns * kind.samples; ++i) {
    turn.number = i / kind.samples;
    turn.last = turn.number + 1 == turns;
    if (turn.number > 0 && options_.text) turn.prompt = Expand(kind.follow_up, random);
    const int64_t output_tokens = random.Between(kind.output_tokens_min, kind.output_tokens_max);
    turn.time_unix_nano = time_millis * 1'000'000 + random.Between(0, 999'999);
    lines.push_back({turn.time_unix_nano, EventJson(account, turn, output_tokens)});
    if (kind.samples == 1) turn.input_tokens += output_tokens;
    time_millis += 400 + output_tokens * 15 + random.Between(kind.gap_seconds_min * 1000, kind.gap_seconds_max * 1000);
  }
}

std::string Traffic::EventJson(Account& account, const Turn& turn, int64_t output_tokens) const {
  const Kind& kind = *account.kind;
  Random& random = account.random;
  const bool failed = random.Chance(kFailureShare);
  const int64_t first_token_millis = random.Between(180, 700);
  const bool moved = turn.time_unix_nano >= account.new_model_seconds * 1'000'000'000;
  const std::string_view model = moved ? kNewModel : account.model;
  JsonLine line;
  line.Text("event_id", account.id + "-" + std::to_string(++account.event_count))
      .Text("account_id", account.id)
      .Text("organization_id", account.organization_id)
      .Text("api_key_id", "key-" + account.id.substr(5))
      .Number("time_unix_nano", turn.time_unix_nano)
      .Number("duration_ms", failed ? 35 : first_token_millis + output_tokens * 15)
      .Text("client_address", account.address)
      .Number("client_asn", account.asn)
      .Text("client_country", account.country)
      .Text("tls_fingerprint", account.tls_fingerprint)
      .Text("user_agent", kind.user_agent)
      .Text("operation_name", "chat")
      .Text("request_model", model)
      .Text("response_model", model)
      .Bool("stream", kind.stream)
      .Number("message_count", 2 * turn.number + 1)
      .Number("input_tokens", turn.input_tokens)
      .Number("status_code", failed ? 429 : 200);
  if (account.temperature >= 0) line.Hundredths("temperature", account.temperature);
  if (kind.max_tokens > 0) line.Number("max_tokens", kind.max_tokens);
  if (kind.top_logprobs > 0) line.Number("top_logprobs", kind.top_logprobs);
  if (kind.logit_bias_max > 0) line.Number("logit_bias_count", random.Between(1, kind.logit_bias_max));
  if (kind.tools > 0) line.Number("tool_count", kind.tools);
  if (kind.json) line.Text("output_type", "json");
  if (kind.turns_max > 1) line.Text("conversation_id", turn.conversation_id);
  if (failed) {
    line.Text("error_type", "rate_limit_exceeded");
  } else {
    const bool full = kind.max_tokens > 0 && output_tokens >= kind.max_tokens;
    line.Number("time_to_first_token_ms", first_token_millis)
        .Number("output_tokens", output_tokens)
        .Number("cache_read_input_tokens", static_cast<int64_t>(static_cast<double>(turn.input_tokens) * kind.cached))
        .Text("finish_reason", full                           ? "length"
                               : kind.tools > 0 && !turn.last ? "tool_calls"
                                                              : "stop");
  }
  if (options_.text) line.Text("system_prompt", kind.system).Text("prompt", turn.prompt);
  return line.Take();
}

}  // namespace stillwatch::sample
