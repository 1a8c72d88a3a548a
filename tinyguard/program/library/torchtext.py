from torch.utils.data import DataLoader


class Field:
    def __init__(self, *args, **kwargs):
        self.vocab = input()

    def build_vocab(self, *args, **kwargs):
        pass


class LabelField(Field):
    pass


class RawField(Field):
    pass


class BucketIterator:
    def __init__(self, dataset, batch_size=1, train=True, shuffle=None, **kwargs):
        self.loader = DataLoader(dataset, batch_size=batch_size, shuffle=train if shuffle is None else shuffle)

    def __iter__(self):
        return iter(self.loader)

    @classmethod
    def splits(cls, datasets, batch_size=None, batch_sizes=None, shuffle=None, **kwargs):
        # The first data set is the one to train on: it is shuffled, the others are sorted.
        loaders = []
        for index, dataset in enumerate(datasets):
            size = batch_size if batch_sizes is None else batch_sizes[index]
            mixed = index == 0 if shuffle is None else shuffle
            loaders.append(DataLoader(dataset, batch_size=size, shuffle=mixed))
        return tuple(loaders)


class Iterator(BucketIterator):
    pass


class BPTTIterator(BucketIterator):
    pass
