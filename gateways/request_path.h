// What a request's path says of the call.
#pragma once

#include <string_view>

namespace stillwatch::gateways {

// The operation of GenAI conventions that a path asks for ("chat", "text_completion", "embeddings", …), by how it ends,
// as gateways put prefixes before the paths of the APIs they serve; empty if the path is none of a model's. A query is
// passed over.
std::string_view OperationOfPath(std::string_view path);

}  // namespace stillwatch::gateways
