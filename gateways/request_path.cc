#include "gateways/request_path.h"

#include <array>
#include <utility>

namespace stillwatch::gateways {

std::string_view OperationOfPath(std::string_view path) {
  using Rule = std::pair<std::string_view, std::string_view>;
  // Longer endings before those that they end with.
  constexpr std::array<Rule, 12> kRules = {{{"/chat/completions", "chat"},
                                            {"/completions", "text_completion"},
                                            {"/messages", "chat"},
                                            {"/responses", "chat"},
                                            {"/embeddings", "embeddings"},
                                            {":generateContent", "generate_content"},
                                            {":streamGenerateContent", "generate_content"},
                                            {":embedContent", "embeddings"},
                                            {"/converse", "chat"},
                                            {"/converse-stream", "chat"},
                                            {"/api/chat", "chat"},
                                            {"/api/generate", "text_completion"}}};
  path = path.substr(0, path.find_first_of("?#"));
  for (const auto& [ending, operation] : kRules) {
    if (path.ends_with(ending)) return operation;
  }
  return {};
}

}  // namespace stillwatch::gateways
