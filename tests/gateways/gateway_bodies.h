// Bodies as LiteLLM and Kong send them; every field that is read here is filled.
#pragma once

#include <string_view>

namespace stillwatch::gateways {

inline constexpr std::string_view kLiteLlmPayload = R"({
  "id": "chatcmpl-1", "trace_id": "t-1", "call_type": "acompletion", "stream": true, "status": "success",
  "cache_hit": null, "custom_llm_provider": "openai", "response_cost": 0.0012, "total_tokens": 180,
  "prompt_tokens": 120, "completion_tokens": 60,
  "startTime": 1780000000.25, "endTime": 1780000003.75, "completionStartTime": 1780000000.75,
  "model_id": "m-1", "model": "gpt-large-2026", "model_group": "large", "api_base": "",
  "metadata": {"user_api_key_hash": "hash-of-key", "user_api_key_alias": null, "user_api_key_team_id": "team-1",
    "user_api_key_org_id": "org-1", "user_api_key_user_id": "user-1", "requester_ip_address": "203.0.113.9"},
  "request_tags": ["User-Agent: x"], "end_user": "end-1", "requester_ip_address": "203.0.113.8",
  "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a daemon?"}],
  "response": {"id": "chatcmpl-1", "model": "gpt-large-2026-06-01", "choices": [{"index": 0, "finish_reason": "stop",
    "message": {"role": "assistant", "content": "A program that waits."}}], "usage": {"prompt_tokens": 120}},
  "error_str": null, "error_information": null,
  "model_parameters": {"temperature": 0.7, "top_p": 0.9, "n": 2, "seed": 7, "max_tokens": 256, "top_logprobs": 5,
    "logit_bias": {"50256": -100, "11": 5}, "tools": [{"type": "function"}], "response_format": {"type": "json_object"}},
  "hidden_params": {"model_id": "m-1", "usage_object": {"prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 16}}}
})";

inline constexpr std::string_view kLiteLlmFailure = R"({
  "id": "failed-1", "call_type": "completion", "stream": false, "status": "failure", "prompt_tokens": 0,
  "completion_tokens": 0, "startTime": 1780000010, "endTime": 1780000010.5, "completionStartTime": 1780000010.5,
  "model": "gpt-large-2026", "model_group": "large",
  "metadata": {"user_api_key_hash": "hash-of-key", "user_api_key_user_id": "user-1"},
  "messages": [{"role": "user", "content": "What is a daemon?"}], "response": {}, "model_parameters": {},
  "error_information": {"error_code": "429", "error_class": "RateLimitError", "llm_provider": "openai"}
})";

inline constexpr std::string_view kKongEntry = R"({
  "client_ip": "203.0.113.10", "started_at": 1780000000250, "workspace_name": "default",
  "request": {"id": "kong-request-1", "method": "POST", "uri": "/v1/chat/completions", "size": 500,
    "headers": {"user-agent": "python/1.2", "host": "api.example"}},
  "response": {"status": 200, "size": 900, "headers": {}},
  "latencies": {"request": 1500, "kong": 3, "proxy": 1497},
  "consumer": {"id": "c-uuid", "custom_id": "account-9", "username": "nine"},
  "authenticated_entity": {"id": "credential-1"},
  "ai": {"ai-proxy": {
    "meta": {"plugin_id": "p", "provider_name": "openai", "request_model": "large", "response_model": "gpt-large-2026"},
    "usage": {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180, "time_to_first_token": 350,
      "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 16}},
    "payload": {
      "request": "{\"model\":\"large\",\"temperature\":0.5,\"n\":1,\"max_tokens\":99,\"stream\":true,\"user\":\"end-2\",\"messages\":[{\"role\":\"user\",\"content\":\"What is a daemon?\"}]}",
      "response": "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"A program that waits.\"}}]}"}}}
})";

// What Kong writes of a call that no plugin for models saw.
inline constexpr std::string_view kKongPlainEntry = R"({
  "client_ip": "203.0.113.11", "started_at": 1780000000500,
  "request": {"id": "kong-request-2", "method": "GET", "uri": "/status", "headers": {}},
  "response": {"status": 404}, "latencies": {"request": 2}, "consumer": {"id": "c-uuid-2", "username": "ten"}
})";

}  // namespace stillwatch::gateways
