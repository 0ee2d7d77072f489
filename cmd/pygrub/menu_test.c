/* SPDX-License-Identifier: MIT */
/* Boot loader configurations of each kind, as distributions write them, and ones that nobody should. */
#include "cmd/pygrub/menu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct menu menu;

static void expect_entry(int i, const char *title, const char *kernel, const char *args, const char *ramdisk)
{
    EXPECT(i >= 0 && i < (int)menu.count);
    EXPECT_STR(menu.entries[i].title, title);
    EXPECT_STR(menu.entries[i].kernel, kernel);
    EXPECT_STR(menu.entries[i].args, args);
    EXPECT_EQ(menu.entries[i].ramdisk_count != 0, ramdisk != NULL);
    if (ramdisk != NULL) {
        EXPECT_STR(menu.entries[i].ramdisks[0], ramdisk);
    }
}

static int parse(int (*fn)(struct err *e, const char *text, size_t size, struct menu *m), const char *text)
{
    menu = (struct menu)MENU_INIT;
    return fn(NULL, text, strlen(text), &menu);
}

static const char generated[] =
    "# written by a generator\n"
    "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"
    "if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set boot_once=true\n"
    "else\n   set default=\"1>2\"\nfi\n"
    "if [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n"
    "  menuentry_id_option=\"\"\nfi\n"
    "function savedefault {\n  if [ -z \"${boot_once}\" ]; then\n    saved_entry=\"${chosen}\"\n  fi\n}\n"
    "terminal_output console || true\nset timeout=7\n"
    "menuentry 'Debian GNU/Linux' --class debian --id 'gnulinux-simple-1' {\n"
    "\tload_video\n\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n"
    "\tsearch --no-floppy --fs-uuid --set=root 1234\n\techo\t'Loading Linux ...'\n"
    "\tlinux\t/boot/vmlinuz-6.1 root=UUID=1234 ro  quiet \"a b\"\n"
    "\tinitrd\t/boot/initrd.img-6.1 /boot/more.img\n}\n"
    "submenu 'Advanced options' --id 'advanced' {\n"
    "  menuentry 'Memory test' { linux16 memtest }\n"
    "  menuentry 'Linux 6.1' { linux (hd0,gpt1)/boot/vmlinuz-6.1 ro; initrd /boot/initrd.img-6.1; }\n"
    "  menuentry \"Linux 5.10\" --id old { linux /boot/vmlinuz-5.10 ro single\\\n more; }\n}\n"
    "menuentry 'Xen' {\n multiboot2 /boot/xen.gz placeholder dom0_mem=1G\n"
    " module2 /boot/vmlinuz-6.1 placeholder root=/dev/xvda\n module2 --nounzip /boot/initrd.img-6.1\n}\n"
    "menuentry 'UEFI settings' $menuentry_id_option 'uefi' {\n fwsetup\n}\n";

TEST(grub_cfg)
{
    EXPECT_EQ(parse(menu_parse_grub, generated), 0);
    EXPECT_EQ(menu.count, 4);
    EXPECT_EQ(menu.timeout, 7);
    expect_entry(0, "Debian GNU/Linux", "/boot/vmlinuz-6.1", "root=UUID=1234 ro quiet a b",
                 "/boot/initrd.img-6.1");
    EXPECT_EQ(menu.entries[0].ramdisk_count, 2);
    EXPECT_STR(menu.entries[0].id, "gnulinux-simple-1");
    expect_entry(1, "Advanced options>Linux 6.1", "/boot/vmlinuz-6.1", "ro", "/boot/initrd.img-6.1");
    expect_entry(2, "Advanced options>Linux 5.10", "/boot/vmlinuz-5.10", "ro single more", NULL);
    expect_entry(3, "Xen", "/boot/vmlinuz-6.1", "root=/dev/xvda", "/boot/initrd.img-6.1");
    EXPECT_EQ(menu_find(&menu, NULL), 2); /* default="1>2": entries without a kernel count */
    EXPECT_EQ(menu_find(&menu, "0"), 0);
    EXPECT_EQ(menu_find(&menu, "1>1"), 1);
    EXPECT_EQ(menu_find(&menu, "old"), 2);
    EXPECT_EQ(menu_find(&menu, "Xen"), 3);
    EXPECT_EQ(menu_find(&menu, "nobody"), -1);
    menu_free(&menu);
}

TEST(grub_cfg_of_commands)
{
    EXPECT_EQ(parse(menu_parse_grub,
                    "set timeout=0\nset k=/vmlinuz\nlinux $k root=/dev/xvda\ninitrd /initrd.img\nboot\n"),
              0);
    expect_entry(0, "the configuration's own commands", "/vmlinuz", "root=/dev/xvda", "/initrd.img");
    EXPECT_EQ(menu.timeout, 0);
    EXPECT_EQ(menu_find(&menu, NULL), 0);
    menu_free(&menu);
}

TEST(grub_cfg_variables_and_tests)
{
    EXPECT_EQ(parse(menu_parse_grub,
                    "a=1; set b=\"$a${a}2\"\n"
                    "if [ \"$b\" = 112 ]; then c=yes; elif true; then c=no; else c=never; fi\n"
                    "if [ x = y ]; then d=1; elif [ ! x = y ]; then d=2; else d=3; fi\n"
                    "if false; then\n menuentry hidden { linux /h; }\nfi\n"
                    "for x in 1 2 3; do menuentry loop { linux /l; }; done\n"
                    "menuentry \"t $b\" { linux /k '$a' \"\\$b\" $c$d $unset; }\n"),
              0);
    EXPECT_EQ(menu.count, 1);
    expect_entry(0, "t 112", "/k", "$a $b yes2 ", NULL);
    menu_free(&menu);
}

TEST(grub_cfg_that_is_wrong)
{
    static const char *const wrong[] = { "set a='b\n", "menuentry a { menuentry b { linux /k; } }",
                                         "if true; then }", "menuentry a { fi }", "for x in 1; do fi" };
    struct err e = { 0 };
    char deep[1024] = "";

    for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECT_EQ(parse(menu_parse_grub, wrong[i]), -EINVAL);
        menu_free(&menu);
    }
    for (unsigned int i = 0; i < 40; i++) {
        strcat(deep, "if true; then\n");
    }
    EXPECT_EQ(parse(menu_parse_grub, deep), -EINVAL);
    menu_free(&menu);
    EXPECT_EQ(menu_parse_grub(&e, "\n\nset a='b\n", 10, &menu), -EINVAL);
    EXPECT_STR(e.text, "line 3: a quote has no end");
    menu_free(&menu);
}

/* More entries than are kept end in an error; those that were read stay. */
TEST(grub_cfg_with_many_entries)
{
    static const char one[] = "menuentry a { linux /k; }\n";
    char *text = calloc(1, (MENU_ENTRIES_MAX + 1) * sizeof(one));

    for (unsigned int i = 0; i <= MENU_ENTRIES_MAX; i++) {
        strcat(text + i * (sizeof(one) - 1), one);
    }
    EXPECT(parse(menu_parse_grub, text) < 0);
    EXPECT_EQ(menu.count, MENU_ENTRIES_MAX);
    menu_free(&menu);
    free(text);
}

TEST(grub_legacy)
{
    EXPECT_EQ(parse(menu_parse_legacy,
                    "# old\ndefault 1\ntimeout=3\n\ntitle First\n root (hd0,0)\n"
                    " kernel (hd0,0)/vmlinuz root=/dev/sda1 ro\n"
                    " initrd /initrd.img\n\ntitle\tXen\nkernel /boot/xen-4.gz dom0_mem=1G\n"
                    "module /boot/vmlinuz-2.6 ro\nmodule /boot/initrd-2.6\ntitle none\nroot (hd0,1)\n"),
              0);
    EXPECT_EQ(menu.count, 2);
    EXPECT_EQ(menu.timeout, 3);
    expect_entry(0, "First", "/vmlinuz", "root=/dev/sda1 ro", "/initrd.img");
    expect_entry(1, "Xen", "/boot/vmlinuz-2.6", "ro", "/boot/initrd-2.6");
    EXPECT_EQ(menu_find(&menu, NULL), 1);
    menu_free(&menu);
}

TEST(extlinux)
{
    EXPECT_EQ(
        parse(menu_parse_extlinux,
              "DEFAULT linux2\nTIMEOUT 50\nLABEL linux\n  MENU LABEL Linux 6.1\n  LINUX /boot/vmlinuz\n"
              "  APPEND ro initrd=/boot/a.img quiet\nlabel linux2\n kernel /k\n initrd /i,/j\n append x=1\n"),
        0);
    EXPECT_EQ(menu.count, 2);
    EXPECT_EQ(menu.timeout, 5);
    expect_entry(0, "Linux 6.1", "/boot/vmlinuz", "ro quiet", "/boot/a.img");
    expect_entry(1, "linux2", "/k", "x=1", "/i");
    EXPECT_EQ(menu.entries[1].ramdisk_count, 2);
    EXPECT_EQ(menu_find(&menu, NULL), 1);
    menu_free(&menu);
}

TEST(boot_loader_specification)
{
    static const char text[] =
        "title Fedora\nversion 6.1\nlinux /vmlinuz-6.1\ninitrd /initramfs-6.1.img $tuned\n"
        "options root=/dev/a ro\noptions quiet\n";

    menu = (struct menu)MENU_INIT;
    EXPECT_EQ(menu_parse_bls(NULL, "abc-6.1", text, strlen(text), &menu), 0);
    EXPECT_EQ(menu_parse_bls(NULL, "none", "title x\n", 8, &menu), 0);
    EXPECT_EQ(menu.count, 1);
    expect_entry(0, "Fedora", "/vmlinuz-6.1", "root=/dev/a ro quiet", "/initramfs-6.1.img");
    EXPECT_EQ(menu_find(&menu, "abc-6.1"), 0);
    menu_free(&menu);
}
