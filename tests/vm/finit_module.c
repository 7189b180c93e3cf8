/* Has the kernel unpack and load a module by itself, as kmod does from version 31 on. */

#include <fcntl.h>
#include <linux/module.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (file < 0 || syscall(SYS_finit_module, file, "", MODULE_INIT_COMPRESSED_FILE)) {
		perror("finit_module");
		return 1;
	}
	return 0;
}
