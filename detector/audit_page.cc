// The page as a whole: what a reader needs first, then the sections in order.
#include "detector/audit_page.h"

#include <algorithm>

#include "detector/audit_page_style.h"
#include "detector/audit_report.h"
#include "detector/svg_plot.h"

namespace stillwatch::detector {
namespace {

std::string PeriodWords(const AuditRange& range) {
  if (range == AuditRange()) return "everything stored";
  const std::string from = range.from_time_unix_nano == 0 ? "the first request" : FormatUtc(range.from_time_unix_nano);
  if (range.to_time_unix_nano == 0) return "from " + from + " to the end of the log";
  return "from " + from + " up to, but not including, " + FormatUtc(range.to_time_unix_nano);
}

void AddHead(const AuditOutcome& outcome, MarkupWriter& page) {
  const AuditSummary& summary = outcome.summary;
  page.Raw(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Stillwatch audit ");
  page.Text(summary.audit_id).Raw("</title>\n<style>").Raw(kAuditPageStyle).Raw("</style>\n</head>\n<body>\n<main>\n");
  page.Raw("<header><div class=\"kicker\">Audit of API usage for model extraction</div>\n<h1>Audit ");
  page.Text(summary.audit_id).Raw("</h1>\n<p>Made by Stillwatch from the stored events, ");
  page.Text(FormatUtc(summary.start_time_unix_nano)).Raw(". Confidential: names accounts.</p></header>\n");
}

void AddFigure(uint64_t count, std::string_view words, Tone tone, MarkupWriter& page) {
  if (tone == Tone::kAct) {
    page.Raw("<div class=\"act\"><b>");
  } else if (tone == Tone::kReview) {
    page.Raw("<div class=\"review\"><b>");
  } else {
    page.Raw("<div><b>");
  }
  page.Text(FormatCount(count)).Raw("</b><span>").Text(words).Raw("</span></div>\n");
}

void AddResult(const AuditOutcome& outcome, MarkupWriter& page) {
  const AuditSummary& summary = outcome.summary;
  page.Raw("<p class=\"lead\">Of ").Text(Counted(summary.account_count, "account", "accounts")).Raw(" with ");
  page.Text(Counted(summary.event_count, "request", "requests")).Raw(", the evidence speaks for action against <b>");
  page.Text(FormatCount(summary.act_count)).Raw("</b> and for a review of <b>").Text(FormatCount(summary.review_count));
  page.Raw("</b>. ");
  if (summary.differing_count == 0) {
    page.Raw("Scoring everything again gave the same verdict as the live system for every account.</p>\n");
  } else {
    page.Raw("The live system says otherwise of ").Text(Counted(summary.differing_count, "account", "accounts"));
    page.Raw(": see the differences below.</p>\n");
  }
  if (summary.damaged_block_count > 0) {
    page.Raw("<p class=\"warning\"><b>Incomplete.</b> ");
    page.Text(Counted(summary.damaged_block_count, "stored block", "stored blocks"));
    page.Raw(" could not be read. The requests in them, up to 4,096 each, are missing from this audit.</p>\n");
  }
  page.Raw("<div class=\"figures\">\n");
  AddFigure(summary.event_count, "requests examined", Tone::kNeutral, page);
  AddFigure(summary.account_count, "accounts examined", Tone::kNeutral, page);
  AddFigure(summary.act_count, "verdict act", summary.act_count > 0 ? Tone::kAct : Tone::kNeutral, page);
  AddFigure(summary.review_count, "verdict review", summary.review_count > 0 ? Tone::kReview : Tone::kNeutral, page);
  AddFigure(summary.differing_count, "verdicts unlike the live ones", Tone::kNeutral, page);
  AddFigure(summary.damaged_block_count, "unreadable blocks",
            summary.damaged_block_count > 0 ? Tone::kAct : Tone::kNeutral, page);
  page.Raw("</div>\n");
}

void AddFact(std::string_view name, std::string_view value, MarkupWriter& page) {
  page.Raw("<dt>").Text(name).Raw("</dt><dd>").Text(value).Raw("</dd>\n");
}

void AddExamined(const AuditOutcome& outcome, std::string_view software_version, MarkupWriter& page) {
  const AuditSummary& summary = outcome.summary;
  page.Raw("<section><h2>What was examined</h2>\n<dl>\n");
  AddFact("Period asked for", PeriodWords(summary.range), page);
  AddFact("First request in it", FormatUtc(outcome.first_event_time_unix_nano), page);
  AddFact("Last request in it", FormatUtc(outcome.last_event_time_unix_nano), page);
  AddFact("Requests",
          FormatCount(summary.event_count) + " in the period; the log held " +
              FormatCount(outcome.snapshot_event_count) + " when its snapshot was taken",
          page);
  AddFact("Accounts", FormatCount(summary.account_count) + " with requests in the period", page);
  AddFact("Unreadable blocks", FormatCount(summary.damaged_block_count), page);
  AddFact("Snapshot",
          "one consistent state of the store, " + FormatUtc(summary.start_time_unix_nano) +
              " by the daemon’s clock; requests that came later are not in it",
          page);
  AddFact("Time taken", FormatDecimal(static_cast<double>(summary.duration_ms) / 1000, 1) + " s", page);
  AddFact("Software", "Stillwatch " + std::string(software_version), page);
  page.Raw(
      "</dl>\n<p class=\"note\">All times are in UTC, and those of the requests themselves (event time), as told by "
      "the gateways. The text of requests is not stored and was not examined: only digests of it.</p></section>\n");
}

void AddFindingRow(const AuditedAccount& account, size_t rank, MarkupWriter& page) {
  page.Raw("<tr><td class=\"n\">")
      .Text(std::to_string(rank))
      .Raw("</td><td class=\"id\"><bdi>")
      .Text(account.account_id);
  page.Raw("</bdi></td><td>");
  AddChip(account.verdict, page);
  page.Raw("</td><td class=\"n\">").Text(FormatRisk(account.risk)).Raw("</td><td class=\"n\">");
  page.Text(FormatCount(account.event_count)).Raw("</td><td class=\"t\">");
  page.Text(FormatUtc(account.first_review_time_unix_nano)).Raw("</td><td class=\"t\">");
  page.Text(FormatUtc(account.first_act_time_unix_nano)).Raw("</td><td>");
  AddChip(account.live_verdict, page);
  page.Raw("</td></tr>\n");
}

void AddRest(size_t count, MarkupWriter& page) {
  if (count <= kAuditPageRowsMax) return;
  page.Raw("<p class=\"note\">").Text(FormatCount(count - kAuditPageRowsMax));
  page.Raw(" more are in suspects.jsonl.</p>\n");
}

void AddFindings(const AuditOutcome& outcome, MarkupWriter& page) {
  page.Raw("<section><h2>Findings</h2>\n");
  if (outcome.accounts.empty()) {
    page.Raw("<p>No account reached a threshold, in this audit or live.</p></section>\n");
    return;
  }
  page.Raw(
      "<p>Accounts with the verdict review or act, by this audit or by the live system, most suspicious first. "
      "The times are those at which the evidence first sufficed.</p>\n<div class=\"scroll\"><table>\n<thead><tr>"
      "<th class=\"n\">#</th><th>Account</th><th>Verdict</th><th class=\"n\">Risk</th><th class=\"n\">Requests</th>"
      "<th>First review</th><th>First act</th><th>Live</th></tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < std::min(outcome.accounts.size(), kAuditPageRowsMax); ++i) {
    AddFindingRow(outcome.accounts[i], i + 1, page);
  }
  page.Raw("</tbody></table></div>\n");
  AddRest(outcome.accounts.size(), page);
  page.Raw("</section>\n");
}

void AddDifferenceRow(const AuditedAccount& account, MarkupWriter& page) {
  page.Raw("<tr><td class=\"id\"><bdi>").Text(account.account_id).Raw("</bdi></td><td>");
  AddChip(account.verdict, page);
  page.Raw("</td><td class=\"n\">").Text(FormatRisk(account.risk)).Raw("</td><td class=\"n\">");
  page.Text(FormatCount(account.event_count)).Raw("</td><td>");
  AddChip(account.live_verdict, page);
  page.Raw("</td><td class=\"n\">").Text(FormatRisk(account.live_risk)).Raw("</td><td class=\"n\">");
  page.Text(FormatCount(account.live_event_count)).Raw("</td></tr>\n");
}

void AddDifferences(const AuditOutcome& outcome, MarkupWriter& page) {
  page.Raw("<section><h2>Differences from the live verdicts</h2>\n");
  if (outcome.summary.differing_count == 0) {
    page.Raw("<p>None. The live verdicts follow from the stored requests.</p></section>\n");
    return;
  }
  page.Raw(
      "<p>The live system counts every request it was ever told of. A difference is expected where the audit looks at "
      "a shorter period, where requests came while it ran, and where blocks could not be read; otherwise it deserves "
      "an explanation.</p>\n<div class=\"scroll\"><table>\n<thead><tr><th>Account</th><th>Audit</th>"
      "<th class=\"n\">Risk</th><th class=\"n\">Requests</th><th>Live</th><th class=\"n\">Risk</th>"
      "<th class=\"n\">Requests</th></tr></thead>\n<tbody>\n");
  size_t count = 0;
  for (const AuditedAccount& account : outcome.accounts) {
    if (account.verdict == account.live_verdict) continue;
    if (++count <= kAuditPageRowsMax) AddDifferenceRow(account, page);
  }
  page.Raw("</tbody></table></div>\n");
  AddRest(count, page);
  page.Raw("</section>\n");
}

}  // namespace

std::string Counted(uint64_t count, std::string_view singular, std::string_view plural) {
  return FormatCount(count) + " " + std::string(count == 1 ? singular : plural);
}

void AddChip(Verdict verdict, MarkupWriter& page) {
  if (verdict == Verdict::kAct) {
    page.Raw("<span class=\"chip act\">act</span>");
  } else if (verdict == Verdict::kReview) {
    page.Raw("<span class=\"chip review\">review</span>");
  } else {
    page.Raw("<span class=\"chip clear\">clear</span>");
  }
}

std::string AuditPage(const AuditOutcome& outcome, std::string_view software_version) {
  MarkupWriter page;
  AddHead(outcome, page);
  AddResult(outcome, page);
  AddExamined(outcome, software_version, page);
  AddFindings(outcome, page);
  AddPopulation(outcome, page);
  AddAccountCards(outcome, page);
  AddDifferences(outcome, page);
  AddMethod(outcome, page);
  page.Raw("<footer>Made by Stillwatch ")
      .Text(software_version)
      .Raw(
          ". Beside this page stand suspects.jsonl, with every "
          "account above as one JSON object, and summary.json. In names, � stands for a character that cannot be "
          "shown; "
          "suspects.jsonl has names as they are.</footer>\n</main>\n</body>\n</html>\n");
  return page.Take();
}

}  // namespace stillwatch::detector
