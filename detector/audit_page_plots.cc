// The sections of the page that draw: the population, and the accounts one by one.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "detector/audit_page.h"
#include "detector/audit_report.h"
#include "detector/svg_plot.h"
#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

double BinOf(double log_odds) { return (log_odds - LogOddsHistogram::kMin) / LogOddsHistogram::kStep; }
double LogOddsOf(double risk) { return std::log(risk / (1 - risk)); }

BarPlot RiskPlot(const AuditOutcome& outcome) {
  BarPlot plot;
  plot.title = "Accounts by risk";
  plot.x_title = "risk (axis in log-odds)";
  plot.y_title = "accounts (logarithmic)";
  plot.y_scale = PlotScale::kLogarithmic;
  plot.values.assign(outcome.histogram.account_counts.begin(), outcome.histogram.account_counts.end());
  for (size_t bin = 0; bin < plot.values.size(); ++bin) {
    const double middle = LogOddsHistogram::kMin + (static_cast<double>(bin) + 0.5) * LogOddsHistogram::kStep;
    plot.tones.push_back(middle >= outcome.act_log_odds      ? Tone::kAct
                         : middle >= outcome.review_log_odds ? Tone::kReview
                                                             : Tone::kNeutral);
    plot.descriptions.push_back("risk about " + FormatDecimal(RiskOf(middle, Label::kUnlabelled), 5));
  }
  constexpr std::array<std::pair<double, const char*>, 8> kTicks = {{{0.001, "0.001"},
                                                                     {0.01, "0.01"},
                                                                     {0.1, "0.1"},
                                                                     {0.5, "0.5"},
                                                                     {0.9, "0.9"},
                                                                     {0.99, "0.99"},
                                                                     {0.999, "0.999"},
                                                                     {0.9999, "0.9999"}}};
  for (const auto& [risk, label] : kTicks) plot.ticks.push_back({BinOf(LogOddsOf(risk)), label});
  const auto mark = [&](double log_odds, const char* words, Tone tone) {
    const double position = std::clamp(BinOf(log_odds), 0.0, static_cast<double>(plot.values.size()));
    plot.marks.push_back({position, words + FormatRisk(RiskOf(log_odds, Label::kUnlabelled)), tone});
  };
  mark(outcome.review_log_odds, "review from ", Tone::kReview);
  mark(outcome.act_log_odds, "act from ", Tone::kAct);
  return plot;
}

std::string PeriodWords(const AuditOutcome& outcome) {
  if (outcome.period_nano == kNanosecondsPerHour) return "requests an hour";
  const int64_t days = outcome.period_nano / kNanosecondsPerDay;
  return days == 1 ? "requests a day" : "requests in " + std::to_string(days) + " days";
}

// A plot of `values` in the periods of the outcome.
BarPlot PeriodPlot(const AuditOutcome& outcome, std::vector<uint64_t> values) {
  BarPlot plot;
  plot.x_title = "event time (UTC)";
  plot.y_title = PeriodWords(outcome);
  plot.values = std::move(values);
  plot.ticks = TimeTicks(outcome.first_period_unix_nano, outcome.period_nano, plot.values.size());
  for (size_t i = 0; i < plot.values.size(); ++i) {
    const int64_t time = outcome.first_period_unix_nano + static_cast<int64_t>(i) * outcome.period_nano;
    plot.descriptions.push_back(outcome.period_nano == kNanosecondsPerHour
                                    ? FormatUtcDate(time) + " " + FormatUtcClock(time)
                                    : FormatUtcDate(time));
  }
  return plot;
}

void AddTimeline(const AuditOutcome& outcome, const AuditedAccount& account, MarkupWriter& page) {
  if (account.timeline.empty() || account.event_count == 0) return;
  BarPlot plot = PeriodPlot(outcome, {account.timeline.begin(), account.timeline.end()});
  plot.title = "Requests of the account over time";
  plot.height_px = 190;
  const auto mark = [&](int64_t time_unix_nano, const char* words, Tone tone) {
    if (time_unix_nano == 0) return;
    // Verdicts are also given at ticks, a little behind the last event.
    const double position = std::clamp(
        static_cast<double>(time_unix_nano - outcome.first_period_unix_nano) / static_cast<double>(outcome.period_nano),
        0.0, static_cast<double>(plot.values.size()));
    plot.marks.push_back(
        {position, words + FormatUtcDate(time_unix_nano) + " " + FormatUtcClock(time_unix_nano), tone});
  };
  mark(account.first_review_time_unix_nano, "review ", Tone::kReview);
  mark(account.first_act_time_unix_nano, "act ", Tone::kAct);
  page.Add(DrawSvg(plot));
}

// What a detector's value counts. Detectors that are not named here show plain numbers.
struct Statistic {
  std::string_view detector;
  std::string_view words;
  enum class Unit : uint8_t { kShare, kCount, kPlain } unit;
};
constexpr Statistic kStatistics[] = {
    {"marker_e_process", "prompts with phrases of one kind", Statistic::Unit::kShare},
    {"template_slot", "requests that fill one template", Statistic::Unit::kShare},
    {"repeated_sampling", "prompts sampled again", Statistic::Unit::kShare},
    {"logit_theft", "logit requests beyond their prompts", Statistic::Unit::kCount},
    {"peak_rate", "requests in the busiest minute", Statistic::Unit::kCount},
    {"isolated_requests", "requests that stand alone", Statistic::Unit::kShare},
    {"output_shape", "tokens of the usual answer", Statistic::Unit::kCount},
    {"bulk_rate", "requests on a day of work", Statistic::Unit::kCount},
    {"unread_speed", "answers that nobody could read", Statistic::Unit::kShare},
    {"topic_coverage", "similarity of two prompts", Statistic::Unit::kPlain},
    {"young_account", "days since it was created", Statistic::Unit::kCount},
    {"campaign_rhythm", "spread of the group's counts", Statistic::Unit::kPlain},
    {"campaign_infrastructure", "members with a partner", Statistic::Unit::kShare},
    {"campaign_content", "members with a partner", Statistic::Unit::kShare},
    {"campaign_lifecycle", "members with a partner", Statistic::Unit::kShare},
    {"campaign_pooled", "log-odds of half its members", Statistic::Unit::kPlain},
    {"campaign_synchrony", "deviations from independence", Statistic::Unit::kPlain},
    {"campaign_onset", "accounts that began together", Statistic::Unit::kCount},
};

Statistic StatisticOf(std::string_view detector) {
  const auto found = std::find_if(std::begin(kStatistics), std::end(kStatistics),
                                  [detector](const Statistic& statistic) { return statistic.detector == detector; });
  return found == std::end(kStatistics) ? Statistic{detector, "value of the statistic", Statistic::Unit::kPlain}
                                        : *found;
}

std::string ValueWords(double value, Statistic::Unit unit) {
  if (unit == Statistic::Unit::kShare) return FormatDecimal(100 * value, 1) + " %";
  return FormatDecimal(value, unit == Statistic::Unit::kCount ? 0 : 3);
}

void AddTermRow(const AuditTerm& term, MarkupWriter& page) {
  const bool is_evidence = term.family != Family::kNone;
  const Statistic statistic = StatisticOf(term.detector);
  if (is_evidence && term.finding.log_odds == 0) {
    page.Raw("<tr class=\"silent\"><td>");
  } else {
    page.Raw("<tr><td>");
  }
  page.Raw("<span class=\"id term\">").Text(term.detector).Raw("</span></td><td>");
  page.Text(!term.summary.empty() ? std::string_view(term.summary) : "Nothing to say.").Raw("</td><td>");
  page.Text(FamilyName(term.family)).Raw("</td>");
  if (is_evidence) {
    page.Raw("<td class=\"soft\">").Text(statistic.words).Raw("</td><td class=\"n\">");
    page.Text(ValueWords(term.finding.value, statistic.unit)).Raw("</td><td class=\"n\">");
    page.Text(ValueWords(term.finding.population, statistic.unit)).Raw("</td>");
  } else {
    page.Raw("<td></td><td></td><td></td>");
  }
  page.Raw("<td class=\"n\">").Text(FormatDecimal(term.finding.log_odds, 3)).Raw("</td></tr>\n");
}

void AddTerms(const AuditedAccount& account, MarkupWriter& page) {
  if (account.terms.empty()) {
    page.Raw("<p class=\"note\">The audit met no request of this account.</p>\n");
    return;
  }
  page.Raw(
      "<div class=\"scroll\"><table><thead><tr><th>Term</th><th>In words</th><th>Family</th><th>Statistic</th>"
      "<th class=\"n\">Account</th><th class=\"n\">Peers</th><th class=\"n\">Log-odds</th></tr></thead>\n<tbody>\n");
  for (const AuditTerm& term : account.terms) AddTermRow(term, page);
  page.Raw("<tr class=\"sum\"><td>sum</td><td colspan=\"5\">risk ").Text(FormatRisk(account.risk));
  page.Raw("</td><td class=\"n\">")
      .Text(FormatDecimal(account.log_odds, 3))
      .Raw("</td></tr>\n</tbody></table></div>\n");
}

void AddFact(std::string_view name, std::string_view value, MarkupWriter& page) {
  if (value.empty()) return;
  page.Raw("<dt>").Text(name).Raw("</dt><dd>").Text(value).Raw("</dd>\n");
}

// A first time, and after how many of the account's own requests.
std::string FirstWords(int64_t time_unix_nano, uint64_t event_count) {
  if (time_unix_nano == 0) return FormatUtc(0);
  return FormatUtc(time_unix_nano) + ", after " + Counted(event_count, "request", "requests");
}

void AddCard(const AuditOutcome& outcome, const AuditedAccount& account, MarkupWriter& page) {
  page.Raw("<article class=\"card\"><header><h3 class=\"id\"><bdi>").Text(account.account_id).Raw("</bdi></h3>");
  AddChip(account.verdict, page);
  page.Raw("<span class=\"n\">risk ").Text(FormatRisk(account.risk)).Raw("</span></header>\n<dl>\n");
  AddFact("Organisation", account.organization_id, page);
  AddFact("Compared with", account.peer_group, page);
  AddFact("Requests", FormatCount(account.event_count), page);
  AddFact("Label", LabelName(account.label), page);
  AddFact("First request", FormatUtc(account.first_event_time_unix_nano), page);
  AddFact("Last request", FormatUtc(account.last_event_time_unix_nano), page);
  AddFact("First review", FirstWords(account.first_review_time_unix_nano, account.events_at_first_review), page);
  AddFact("First act", FirstWords(account.first_act_time_unix_nano, account.events_at_first_act), page);
  AddFact("Live verdict", std::string(VerdictName(account.live_verdict)) + ", risk " + FormatRisk(account.live_risk),
          page);
  page.Raw("</dl>\n");
  AddTimeline(outcome, account, page);
  AddTerms(account, page);
  page.Raw("</article>\n");
}

}  // namespace

void AddPopulation(const AuditOutcome& outcome, MarkupWriter& page) {
  if (outcome.event_counts.empty()) return;
  page.Raw("<section><h2>The population</h2>\n<h4>Accounts by risk</h4>\n");
  page.Add(DrawSvg(RiskPlot(outcome)));
  if (outcome.histogram.benign_count > 0) {
    page.Raw("<p class=\"note\">Not shown: ").Text(Counted(outcome.histogram.benign_count, "account", "accounts"));
    page.Raw(" that analysts found benign.</p>\n");
  }
  BarPlot plot = PeriodPlot(outcome, outcome.event_counts);
  plot.title = "Requests of all accounts over time";
  page.Raw("<h4>Requests of all accounts</h4>\n").Add(DrawSvg(plot)).Raw("</section>\n");
}

void AddAccountCards(const AuditOutcome& outcome, MarkupWriter& page) {
  if (outcome.accounts.empty()) return;
  page.Raw("<section><h2>The accounts in detail</h2>\n<p>");
  if (outcome.accounts.size() > kAuditTimelineCount) {
    page.Raw("The first ").Text(std::to_string(kAuditTimelineCount)).Raw(" of the findings. ");
  }
  page.Raw(
      "Each table lists all terms of the account’s log-odds; they add up, but for rounding, to the last line, and the risk follows from "
      "it by the formula of the method. <em>Peers</em> is the value that is usual, or still allowed, among accounts "
      "that work in the same way.</p>\n");
  const size_t count = std::min(kAuditTimelineCount, outcome.accounts.size());
  for (const AuditedAccount& account : std::span(outcome.accounts).first(count)) AddCard(outcome, account, page);
  page.Raw("</section>\n");
}

}  // namespace stillwatch::detector
