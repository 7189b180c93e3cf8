/* Puts a certificate into the keyring of its user, as anybody may: the kernel does not look there for modules.
 * The key gets the description of one that the kernel has loaded itself. */

#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char certificate[65536];
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	size_t length = file ? fread(certificate, 1, sizeof certificate, file) : 0;

	if (!length || syscall(SYS_add_key, "asymmetric", "", certificate, length, KEY_SPEC_USER_KEYRING) < 0) {
		perror("add_key");
		return 1;
	}
	return 0;
}
