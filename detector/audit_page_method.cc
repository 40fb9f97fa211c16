// The section of the page that says, in plain words, how the verdicts come about and what they cannot say.
#include <cmath>

#include "detector/audit_page.h"

namespace stillwatch::detector {
namespace {

uint64_t OneIn(double budget) { return static_cast<uint64_t>(std::llround(1 / budget)); }

// False positives that a budget allows among the audited accounts: "at most about 2".
std::string AllowedWords(double budget, uint64_t account_count) {
  const double allowed = budget * static_cast<double>(account_count);
  return allowed < 1 ? "fewer than 1" : "about " + FormatCount(static_cast<uint64_t>(std::llround(allowed)));
}

void AddBudgetRow(std::string_view verdict, double budget, double log_odds, uint64_t account_count,
                  MarkupWriter& page) {
  page.Raw("<tr><td>").Text(verdict).Raw("</td><td class=\"n\">1 in ").Text(FormatCount(OneIn(budget)));
  page.Raw("</td><td class=\"n\">").Text(AllowedWords(budget, account_count)).Raw("</td><td class=\"n\">");
  page.Text(FormatDecimal(log_odds, 3)).Raw("</td><td class=\"n\">");
  page.Text(FormatRisk(RiskOf(log_odds, Label::kUnlabelled))).Raw("</td></tr>\n");
}

void AddBudgets(const AuditOutcome& outcome, MarkupWriter& page) {
  page.Raw(
      "<table><thead><tr><th>Verdict</th><th class=\"n\">Budget: honest accounts that may get it</th>"
      "<th class=\"n\">Of the accounts examined</th><th class=\"n\">Threshold, log-odds</th>"
      "<th class=\"n\">Threshold, risk</th></tr></thead>\n<tbody>\n");
  AddBudgetRow("review", kReviewBudget, outcome.review_log_odds, outcome.summary.account_count, page);
  AddBudgetRow("act", kActBudget, outcome.act_log_odds, outcome.summary.account_count, page);
  page.Raw("</tbody></table>\n");
}

}  // namespace

void AddMethod(const AuditOutcome& outcome, MarkupWriter& page) {
  page.Raw(
      "<section><h2>Method</h2>\n<ol>\n"
      "<li>The audit read every stored request of the period again, in order of event time, and summed up each "
      "account in a portrait: counts, rates, shares and distinct values. It used none of the live system’s results."
      "</li>\n"
      "<li>Each account was compared with its peers: accounts that work with the model in the same way and to a "
      "similar extent. What is usual among peers is a median, which a minority of harvesters cannot move.</li>\n"
      "<li>Each detector tests one way of harvesting a model and states its evidence as log-odds: the natural "
      "logarithm of how much more likely the observation is if the account harvests than if it does not. Evidence "
      "never counts below zero.</li>\n"
      "<li>The log-odds are added to the prior odds of 1 in ");
  page.Text(FormatCount(OneIn(kReviewBudget)));
  page.Raw(
      ". The risk is 1 / (1 + e<sup>−sum</sup>).</li>\n"
      "<li>From the first threshold on the verdict is <em>review</em>. It is <em>act</em> from the second threshold "
      "on, if detectors of at least two families add ");
  page.Text(FormatDecimal(kFamilyLogOddsMin, 1));
  page.Raw(
      " or more each, so that no single kind of evidence suffices, and if the account belongs to its group, or would "
      "stand out without it, with a probability of ");
  page.Text(FormatDecimal(kOwnDoingMin, 1));
  page.Raw(
      " or more. A verdict falls back only at the next regular look at the account.</li>\n"
      "<li>An analyst’s label decides over any evidence: <em>confirmed</em> is act, <em>benign</em> is clear with "
      "risk 0. Labels were applied after all evidence, so the first times are those of the evidence.</li>\n</ol>\n"
      "<p>The thresholds are budgets on false positives. They are set from the budgets themselves, and higher where "
      "the accounts of this deployment call for it.</p>\n");
  AddBudgets(outcome, page);
  page.Raw(
      "</section>\n<section><h2>Limits</h2>\n<ul>\n"
      "<li><b>Statistical evidence is not proof.</b> A verdict says that an account’s use resembles harvesting more "
      "than the use of its peers. It says nothing of who used the account, or why.</li>\n"
      "<li>Honest work can look alike: evaluation harnesses, batch jobs, research on sampling, pipelines in which a "
      "model judges. Before anything is done, the account’s holder should be heard.</li>\n"
      "<li>The budgets allow for mistakes, as the table above says in numbers; an account above a threshold may be "
      "one of them. Risk puts accounts in order; read as a probability it rests on the assumed prior odds.</li>\n"
      "<li>Harvesting that stays close to honest use, or is spread over many accounts, may go unnoticed: the absence "
      "of a verdict clears nobody.</li>\n"
      "<li>The audit knows only what the gateways told: a field that was missing or wrong counts as such. Requests "
      "before the period were left out, so in a short period there is less evidence.</li>\n"
      "<li>If harvesters were a quarter or more of all accounts, they would shift what counts as usual.</li>\n"
      "<li>The same stored requests, labels and software version give the same result; it can be checked by running "
      "the audit again.</li>\n</ul></section>\n");
}

}  // namespace stillwatch::detector
