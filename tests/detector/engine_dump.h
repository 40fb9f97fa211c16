// Everything that an engine says, down to the last bit, for comparing engines.
#pragma once

#include <map>
#include <string>

#include "detector/scoring_engine.h"

namespace stillwatch::detector {

// What the engine says of each account, and, under an empty name, of itself.
std::map<std::string, std::string> DumpEngine(const ScoringEngine& engine);

// Fails the current test, naming the first account that differs.
void ExpectSame(const ScoringEngine& actual, const ScoringEngine& expected, const std::string& when);
void ExpectSame(const std::map<std::string, std::string>& actual, const std::map<std::string, std::string>& expected,
                const std::string& when);

}  // namespace stillwatch::detector
