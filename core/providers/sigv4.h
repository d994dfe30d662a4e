// AWS Signature Version 4, written out: canonical request, string to sign, key chain.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "providers/secret.h"

namespace retort::providers {

struct AwsCredentials {
  std::string accessKeyId;
  Secret secretKey, sessionToken;      ///< the token may be empty
};

struct SigningInput {
  std::string method, path, query;     ///< path and query as on the wire, without "?"
  std::vector<std::pair<std::string, std::string>> headers;   ///< all that are signed, host and x-amz-date among them; in order
  std::string body;
  std::string time;                    ///< "20150830T123600Z"
  std::string region, service;
  bool normalisePath = true;           ///< . and .. and // are resolved
  bool encodeTwice = true;             ///< every service but S3
};

struct Signature {
  std::string canonical, signedHeaders, hex;
  std::string authorization;           ///< value of the Authorization header
};

[[nodiscard]] Signature signV4(const AwsCredentials& credentials, const SigningInput& input);
/// One path segment for the wire: all but A-Za-z0-9-._~ percent-encoded ("/" too).
[[nodiscard]] std::string encodeSegment(std::string_view text);
/// "20150830T123600Z" of UTC microseconds.
[[nodiscard]] std::string amzDate(std::int64_t utcMicroseconds);

}  // namespace retort::providers
