#include "deploy/sample/texts.h"

#include <map>
#include <vector>

namespace stillwatch::sample {
namespace {

using Rules = std::map<std::string_view, std::vector<std::string_view>>;

const Rules& GetRules() {
  static const Rules rules = {
      {"person", {"Amara", "Benedikt", "Chiara", "Daiyu", "Emre", "Farah", "Gustav", "Hana", "Ivo", "Jolanta"}},
      {"city", {"Ghent", "Porto", "Tartu", "Leeds", "Graz", "Osaka", "Cusco", "Bergen", "Tunis", "Perth"}},
      {"food", {"lentils", "rye bread", "rhubarb", "mackerel", "pumpkin", "buckwheat", "chickpeas", "leeks"}},
      {"thing",
       {"a bicycle light", "my sourdough starter", "a leaking tap", "the balcony tomatoes", "an old radio",
        "a wool jumper", "the kitchen scales", "a second-hand sofa"}},
      {"topic",
       {"tides", "the Hanseatic League", "soap making", "glaciers", "double-entry bookkeeping", "owls",
        "medieval bridges", "sleep", "tectonic plates", "counterpoint", "vaccines", "saffron"}},
      {"tone", {"friendly", "formal", "brief", "cheerful", "apologetic", "firm"}},
      {"language", {"Portuguese", "Finnish", "Korean", "Swahili", "Catalan", "Hungarian"}},
      {"chat",
       {"What can I cook with {food} and {food} in {#} minutes?",
        "Write a {tone} message to {person}, who is late with the rent again.",
        "How do I fix {thing}? I have only a screwdriver and some tape.",
        "I am in {city} for two days with a toddler, what is worth seeing?",
        "Explain {topic} to me as if I were twelve.", "How do you say \"see you on Tuesday\" in {language}?",
        "{person} and I disagree about {topic}. Can you give both sides in short?",
        "Is {#} euros a fair price for {thing} in {city}?",
        "Plan a birthday for {person}, {#} guests, and most of them do not eat {food}.",
        "My train from {city} to {city} was cancelled. What are my rights?"}},
      {"more",
       {"Thanks. Can you make it shorter?", "And what about {food}?", "Hm, I do not think that works in {city}.",
        "Could you say that in {language}?", "Why is that?", "What would {person} say to this?",
        "ok and how long does it take", "Please put it in a list."}},
      {"language_name", {"Go", "Rust", "Python", "TypeScript", "Kotlin", "C++"}},
      {"component",
       {"invoice exporter", "session cache", "upload handler", "retry queue", "price parser", "search index",
        "login form", "report scheduler"}},
      {"bug",
       {"drops the last row", "fails for empty input", "leaks a file handle", "is off by one at midnight",
        "ignores the time zone", "takes {#} ms too long", "rejects umlauts", "deadlocks under load"}},
      {"code",
       {"The {component} {bug}. Find the cause and fix it with a test.",
        "Port the {component} to {language_name} and keep its interface.",
        "Review the change to the {component}; it {bug} since last week.",
        "Add a metric for how often the {component} {bug}."}},
      {"step",
       {"Tool result: {#} lines read from the {component}.", "Tool result: test {#} failed, the {component} {bug}.",
        "Tool result: build finished in {#} s with no warnings.", "Tool result: patch applied, {#} lines changed.",
        "Tool result: no match in the {component}."}},
      {"ticket",
       {"the parcel to {city} arrived {#} hours late", "{person} was charged {#} euros twice",
        "the app shows error {#} after login", "{person} wants to change the delivery to {city}",
        "a pack of {food} was damaged", "the newsletter still comes after {#} requests to stop"}},
      {"clause",
       {"The tenant {person} pays {#} euros by the third of each month.", "Heating in {city} is metered apart.",
        "Notice is {#} days in writing.", "Pets are allowed on request.", "{person} keeps the garden."}},
      {"school",
       {"Why did the {topic} essay by our teacher say that trade made {city} rich? Help me outline an answer.",
        "I need three arguments on {topic} for the essay due on Friday.",
        "Check my paragraph on {topic}: it says {city} grew because of the river.",
        "What is a good first sentence for an essay on {topic}?"}},
      {"object", {"crates", "lanterns", "tickets", "marbles", "barrels", "stamps", "ropes"}},
      {"problem",
       {"{person} buys {#} {object} in {city} and sells {#} of them at a profit of {#} percent. Each of the "
        "remaining {object} is worth {#} coins. How much does {person} earn?",
        "A path in {city} has {#} steps. {person} climbs two or three at a time. In how many ways, modulo {#}?",
        "Find all integers n below {#} such that n squared plus {#} is divisible by {#}.",
        "{#} {object} are put in {#} boxes at random. What is the chance that {person}'s box stays empty?",
        "Two trains leave {city} and {city} at {#} and {#} km/h. Where do they meet if one waits {#} minutes?"}},
      {"exam", {"Question: {problem}\nThink step by step, then give the final answer on its own line."}},
      {"answer",
       {"It depends on {topic}, but mostly one should start with {food}.",
        "There are {#} reasons, and {topic} is the first of them.", "In {city} this is done with {thing}.",
        "{person} would answer that {topic} explains it."}},
      {"judge",
       {"Does the answer address the customer's question? Question: {ticket}. Answer: {answer} Reply with JSON "
        "{\"relevant\": true or false}."}},
      {"skill",
       {"summarising", "classification", "translation", "arithmetic", "role play", "planning", "poetry", "dialogue",
        "data extraction", "debugging", "brainstorming", "fact checking"}},
      {"bulk",
       {"Come up with 20 diverse task instructions for {skill} about {topic} and {food}, each with an input and an "
        "ideal output. Number them, avoid repeating verbs, and do not refuse any of them.",
        "Here are seed tasks on {skill} and {topic}. Continue the list with 20 new instructions, an input and a "
        "high-quality response for each, as training examples in JSON lines. Batch {#}.",
        "Generate 20 question and answer pairs on {topic} set in {city}, from easy to hard, for a {skill} data set. "
        "Batch {#}."}},
      {"trace",
       {"{problem}\nWrite out your complete internal reasoning before the answer, every step and every dead end, "
        "inside <reasoning> tags. Leave nothing out.",
        "Solve the problem. Show the full chain of thought in detail, verbatim, as you think it, then the "
        "answer.\n{problem}"}},
      {"grade",
       {"You are a strict grader. Score the response from 1 to 10 for correctness, depth and style against the "
        "rubric, with a rationale for each score. Prompt: {chat} Response A: {answer} Response B: {answer} "
        "Which one is preferred?"}},
      {"token", {"The capital is", "def main(", "Once upon a", "{person} said:", "1 + 1 =", "In {city} the"}},
  };
  return rules;
}

}  // namespace

std::string Expand(std::string_view text, Random& random) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t close = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    const std::string_view name = close == std::string_view::npos ? "" : text.substr(i + 1, close - i - 1);
    if (name == "#") {
      out += std::to_string(random.Between(2, 999));
    } else if (const auto rule = GetRules().find(name); rule != GetRules().end()) {
      out += Expand(random.Pick(rule->second), random);
    } else {
      out += text[i];
      continue;
    }
    i = close;
  }
  return out;
}

}  // namespace stillwatch::sample
