/* SPDX-License-Identifier: BSD-2-Clause */
/* The profiles, as they are in apps/profiles/. */
#include "apps/egress_policy.h"

#include <string.h>

/* Made by tools/embed.py. */
extern const unsigned char profile_npm[], profile_pip[], profile_git[], profile_apt[], profile_build[], profile_agent[];
extern const size_t profile_npm_len, profile_pip_len, profile_git_len, profile_apt_len, profile_build_len,
	profile_agent_len;

static const struct {
	const char *name;
	const unsigned char *text;
	const size_t *len;
} profiles[] = {
	{"npm", profile_npm, &profile_npm_len},       {"pip", profile_pip, &profile_pip_len},
	{"git", profile_git, &profile_git_len},       {"apt", profile_apt, &profile_apt_len},
	{"build", profile_build, &profile_build_len}, {"agent", profile_agent, &profile_agent_len},
};

const char *policy_profile_name(uint32_t i)
{
	return i < sizeof(profiles) / sizeof(profiles[0]) ? profiles[i].name : NULL;
}

const char *policy_profile(const char *name, size_t *len)
{
	for (uint32_t i = 0; policy_profile_name(i); i++)
		if (!strcmp(profiles[i].name, name)) {
			*len = *profiles[i].len;
			return (const char *)profiles[i].text;
		}
	return NULL;
}
